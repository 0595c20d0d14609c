import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { KeyvMintring } from '../../src/integrations/keyv.ts'
import { instrument } from '../../src/integrations/otel.ts'
import { expressSessionStore } from '../../src/integrations/session.ts'
import { root } from '../house/sources.ts'

const code = 'MINTRING_BAD_ARGUMENT'

describe('optional peer dependencies', () => {
  test('accept every version at installation', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    for (const [name, range] of Object.entries(manifest.peerDependencies)) {
      assert.equal(range, '*', name)
      assert.equal(manifest.peerDependenciesMeta[name].optional, true, name)
    }
  })

  test('are named in an error when they are missing: express-session', () => {
    for (const session of [undefined, null, {}, { Store: 'no class' }]) {
      const message = /express-session with Store/
      assert.throws(() => expressSessionStore(session as never), { code, message })
    }
  })

  test('are named in an error when they are missing: @opentelemetry/api', () => {
    const [getTracer, setSpan, active] = [() => {}, () => {}, () => {}]
    const old = { trace: { getTracer, setSpan }, context: { active } }
    assert.throws(() => instrument(old as never), {
      code,
      message: /1\.3 or later.*metrics\.getMeter/,
    })
    assert.throws(() => instrument(undefined as never), { code, message: /trace\.getTracer/ })
  })

  test('are named in an error when they are missing: keyv', async () => {
    const client = new MemcachedClient('127.0.0.1:1')
    for (const keyv of [3, 7, '5', null]) {
      const options = { keyv } as never
      assert.throws(() => new KeyvMintring(client, options), { code, message: /4, 5 or 6/ })
    }
    await client.close()
  })
})
