import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { VERSIONS } from '../contract/contract.ts'
import { concerns, isWithin, playTranscript } from '../contract/transcript.ts'
import {
  type Memcached,
  memcachedVersion,
  skipWithoutMemcached,
  startMemcached,
} from '../support/memcached.ts'
import { RawClient } from './support.ts'

/** The replies expected of a server with the user `ada` and the password `secret`. */
const TRANSCRIPTS: Readonly<Record<string, string>> = {
  'nothing is executed before the credentials came': `
    > get all
    < CLIENT_ERROR unauthenticated
    > version
    < CLIENT_ERROR unauthenticated
    [..1.6.43] > mn
    [..1.6.43] < CLIENT_ERROR unauthenticated
    > set auth 0 0
    < CLIENT_ERROR unauthenticated
    > set auth 0 0 x
    < CLIENT_ERROR unauthenticated`,
  'the right ones open the door, whatever the key': `
    > set anything 7 7 10
    > ada secret
    < STORED
    > version
    < VERSION {version}
    > get anything
    < END`,
  'a line too short for credentials ends the connection from 1.6.44 on': `
    [1.6.44..]
    > mn
    <!`,
  'commands may follow them in the same write': `
    > set a 0 0 10
    > ada secret
    > get a
    < STORED
    < END`,
  'wrong ones may be tried again': `
    > set a 0 0 9
    > ada wrong
    < CLIENT_ERROR authentication failure
    > set a 0 0 10
    > bob secret
    < CLIENT_ERROR authentication failure
    > set a 0 0 3
    > ada
    < CLIENT_ERROR bad authentication token format
    > set a 0 0 10
    > ada secret
    < STORED`,
  'a length that is wrong is bad line termination': `
    > set a 0 0 11
    > ada secret
    > 
    < CLIENT_ERROR bad command line termination`,
  'of several failures in one turn only the last is told': `
    [1.6.0..1.6.40]
    > get all
    > set a 0 0 4
    > ada secret
    < CLIENT_ERROR unauthenticated`,
}

/** Authentication in the text protocol exists since 1.5.15. */
const versions = VERSIONS.filter((version) => isWithin(version, '1.5.15..'))

describe('authentication of the embedded server', () => {
  for (const version of versions) {
    for (const [title, text] of Object.entries(TRANSCRIPTS)) {
      if (!concerns(text, version)) continue
      test(`${title} (${version})`, async () => {
        await using server = await startServer({ users: { ada: 'secret' }, version })
        await playTranscript({ name: `embedded ${version}`, port: server.port, version }, text)
      })
    }
  }

  test('does not accept the property name `constructor` as a user name', async () => {
    await using server = await startServer({ users: { ada: 'secret' } })
    const client = await RawClient.open(server.port)
    const reply = await client.ask('set a 0 0 13\r\nconstructor x\r\n')
    assert.equal(reply, 'CLIENT_ERROR authentication failure\r\n')
    client.close()
  })

  test('credentials may arrive byte by byte, attempts are counted, and junk closes the connection', async () => {
    await using server = await startServer({ users: { ada: 'secret' } })
    const client = await RawClient.open(server.port)
    for (const byte of 'set a 0 0 10\r\nada secre') {
      client.socket.write(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal(await client.ask('t\r\n'), 'STORED\r\n')
    assert.equal(server.stats().auth_cmds, '1')
    const junk = await RawClient.open(server.port)
    await junk.ask('x'.repeat(2_049))
    assert.notEqual(junk.ended, undefined)
    client.close()
  })
})

const realVersion = memcachedVersion() ?? ''
const skip = skipWithoutMemcached() || (!isWithin(realVersion, '1.5.15..') && 'older than -Y')

describe('authentication of a real memcached', { skip }, () => {
  let folder: string
  let server: Memcached
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mintring-'))
    // memcached drops root privileges before it reads the file.
    await chmod(folder, 0o755)
    const file = join(folder, 'users')
    await writeFile(file, 'ada:secret\n')
    server = await startMemcached({ args: ['-Y', file] })
  })
  after(async () => {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  })
  for (const [title, text] of Object.entries(TRANSCRIPTS)) {
    if (!concerns(text, realVersion)) continue
    test(title, () => {
      const target = { name: 'memcached', port: server.port, version: realVersion }
      return playTranscript(target, text)
    })
  }
})
