/**
 * One test of the tags of mintring, bentocache and cacheable, all on the same memcached: processes
 * whose clocks differ fill values under one tag, the origin changes, one process invalidates the
 * tag, and all read after that was acknowledged. Counts the older values that they return as
 * current. `evicted`: memcached evicts the tag before it is invalidated, or after. PROCESSES, KEYS
 * and READS set the size, CASES selects cases.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { type Memcached, startMemcached } from '../../test/support/memcached.ts'
import { TYPESCRIPT } from '../../test/support/typescript.ts'
import type { Count, Order, Start } from './worker.ts'

const PROCESSES = Number(process.env.PROCESSES ?? 4)
const KEYS = Number(process.env.KEYS ?? 500)
const READS = Number(process.env.READS ?? 20_000)
const CLOCKS_APART_MS = 15 * 60_000
const LIBRARIES = [
  'mintring',
  'bentocache',
  'bentocache, mintring/bentocache',
  'cacheable',
] as const
const ALL_CASES = ['clocks alike', 'clocks apart', 'evicted before', 'evicted after'] as const
const CASES = ALL_CASES.filter((name) => (process.env.CASES ?? name).includes(name))
const worker = fileURLToPath(new URL('./worker.ts', import.meta.url))

for (const which of CASES) {
  for (const library of LIBRARIES) {
    const { old, stale, loads, reads } = await tried(library, which)
    const counted = `${old} old of ${reads} reads, ${stale} told as stale, ${loads} loads`
    console.log(`${which.padEnd(15)} ${library.padEnd(31)} ${counted}`)
  }
}

async function tried(library: Start['library'], which: (typeof ALL_CASES)[number]): Promise<Count> {
  const memcached = await startMemcached()
  const isApart = which === 'clocks apart'
  const workers = Array.from({ length: PROCESSES }, (_, i) => {
    const clockMs = isApart ? (0.5 - i / Math.max(1, PROCESSES - 1)) * CLOCKS_APART_MS : 0
    const start: Start = { library, port: memcached.port, clockMs, keys: KEYS }
    return fork(worker, [JSON.stringify(start)], { execArgv: [...TYPESCRIPT] })
  })
  const all = (order: Order) => Promise.all(workers.map((one) => told(one, order)))
  try {
    await Promise.all(workers.map((one) => once(one, 'message')))
    await all({ do: 'read', version: 1, reads: KEYS * 2 })
    // So that a clock ticks between the fill and the next step.
    await new Promise((wake) => setTimeout(wake, 50))
    if (which === 'evicted before') await evict(memcached)
    await told(workers.at(-1)!, { do: 'invalidate' })
    if (which === 'evicted after') await evict(memcached)
    return sum(await all({ do: 'read', version: 2, reads: Math.ceil(READS / PROCESSES) }))
  } finally {
    for (const one of workers) one.kill()
    await memcached.stop()
  }
}

function sum(counts: readonly Count[]): Count {
  const total = { reads: 0, old: 0, stale: 0, loads: 0 }
  for (const one of counts) {
    for (const name of Object.keys(total) as (keyof Count)[]) total[name] += one[name]
  }
  return total
}

async function told(to: ChildProcess, order: Order): Promise<Count> {
  const answer = once(to, 'message')
  to.send(order)
  const [{ count, error }] = (await answer) as [{ count: Count; error?: string }]
  if (error !== undefined) throw new Error(error)
  return count
}

/** Deletes the item of the tag, as memory pressure may, by the name that each library gives it. */
async function evict({ port }: Memcached): Promise<void> {
  const dump = await talk(port, 'lru_crawler metadump all\r\n')
  const keys = [...dump.matchAll(/^key=(\S+)/gm)].map(([, key]) => decoded(key!))
  const tags = keys.filter((key) => key.includes('tag') || key.includes('bc:t:'))
  await talk(port, tags.map((key) => `delete ${key}\r\n`).join(''))
}

/** One character per byte: names need not be UTF-8. */
function decoded(key: string): string {
  return key.replace(/%([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
}

async function talk(port: number, commands: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1')
  socket.write(commands, 'latin1')
  let text = ''
  socket.on('data', (part) => {
    text += part
    if (text.endsWith('END\r\n') || commands.startsWith('delete')) socket.end('quit\r\n')
  })
  if (commands === '') socket.end('quit\r\n')
  await once(socket, 'close')
  return text
}
