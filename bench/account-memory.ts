/**
 * The memory of the account: `npm run bench -- account-memory`. One of three memcacheds is out, and
 * a client changes a million of its keys, by turns with set and delete. Prints the live memory of
 * the process on the way (CHANGES=1000000).
 */
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../src/client/client.ts'
import { Gate } from '../test/meetings/gate.ts'
import { startMemcached } from '../test/support/memcached.ts'

const CHANGES = Number(process.env.CHANGES ?? 1_000_000)
const AT_ONCE = 500

function liveMb(): { heap: number; buffers: number } {
  globalThis.gc!()
  globalThis.gc!()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return { heap: heapUsed / 1e6, buffers: arrayBuffers / 1e6 }
}

const servers = await Promise.all([0, 1, 2].map(() => startMemcached({ args: ['-m', '1024'] })))
const gate = await new Gate(servers[0]!.port).open()
const places = [gate.port, servers[1]!.port, servers[2]!.port].map((port) => `127.0.0.1:${port}`)
const client = new MemcachedClient(places)
let at = 0
function nextKey(): string {
  for (;;) {
    const key = `key:${at++}`
    if (client.locate(key).server === places[0]) return key
  }
}

await client.set('warm', 1)
gate.shut()
while (client.hosts()[0]!.state !== 'ejected') {
  client.get(nextKey()).catch(() => undefined)
  await sleep(10)
}
for (let i = 0; i < AT_ONCE; i++) await client.delete(nextKey())
const before = liveMb()
let failed = 0
for (let done = 0; done < CHANGES; done += AT_ONCE) {
  const calls = Array.from({ length: AT_ONCE }, (_, i) => {
    return i % 2 === 0 ? client.delete(nextKey()) : client.set(nextKey(), 'value')
  })
  for (const { status } of await Promise.allSettled(calls)) failed += status === 'rejected' ? 1 : 0
  const changes = done + AT_ONCE
  if (changes % (CHANGES / 10) !== 0) continue
  const { heap, buffers } = liveMb()
  const heapMb = Math.round(10 * (heap - before.heap)) / 10
  const buffersMb = Math.round(10 * (buffers - before.buffers)) / 10
  const owed = client.hosts().map((host) => host.owed)
  console.log(JSON.stringify({ changes, failed, owed, heapMb, buffersMb }))
}
await client.close({ drainMs: 0 })
await gate.close()
await Promise.all(servers.map((server) => server.kill()))
