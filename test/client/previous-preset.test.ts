import assert from 'node:assert/strict'
import { it } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { compat } from '../../src/ring/compat.ts'

const SERVERS = ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3']

it('previous places keys the same with the options of a preset as with the name of the preset', async () => {
  for (const [preset, options] of Object.entries(compat)) {
    const previous = { servers: SERVERS.slice(0, 2), ...options }
    const spread = new MemcachedClient(SERVERS, { previous })
    const named = new MemcachedClient(SERVERS, {
      previous: { servers: SERVERS.slice(0, 2), preset: preset as keyof typeof compat },
    })
    for (let key = 0; key < 50; key++) {
      const [one, other] = [spread, named].map((cache) => previousHomeOf(cache, `key:${key}`))
      assert.equal(one, other, `${preset} places key:${key} elsewhere`)
    }
    await Promise.all([spread.close({ drainMs: 0 }), named.close({ drainMs: 0 })])
  }
})

/** Returns the previous host of a key; undefined for a key that does not move. */
function previousHomeOf(cache: MemcachedClient, key: string): string | undefined {
  const { cluster } = (cache as unknown as { _core: { cluster: Cluster } })._core
  return cluster.handover!.previousHomeOf(key)?.name
}

interface Cluster {
  readonly handover:
    | { previousHomeOf(key: string): { readonly name: string } | undefined }
    | undefined
}
