import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MemcachedClient } from '../../src/client/client.ts'
import { seededRandom } from '../../src/simulate/virtual-time.ts'
import { History, itemOn } from '../handover/chaos-history.ts'
import { clientWith } from '../handover/chaos-mistakes.ts'
import { type Memcached, startMemcached } from '../support/memcached.ts'

/**
 * Reads of a fleet one of whose hosts is always being restarted, on real memcacheds:
 * `node --import ./scripts/typescript.mjs test/hosts/chaos.ts`, then the number of reads, a seed
 * and a mistake. Processes are restarted too.
 * Prints a line of JSON. A value that is older than an acknowledged change counts as `apart` if two
 * processes differed about its host in the last seconds, and otherwise as `old`; exits with 1 when
 * a value was old, or when a planted mistake was not found.
 */
const HOSTS = 4
const PROCESSES = 5
const CALLERS = 48
const KEYS = 1_500
const HOT_KEYS = 40
const OUT_MS = 4_000
const UP_MS = 9_000
/** Processes notice a return at different times, and tell a host what it missed after theirs. */
const APART_MS = 3_000

const [readsText = '100000', seedText = '1', mistake = 'none'] = process.argv.slice(2)
const reads = Number(readsText)
const random = seededRandom(Number(seedText))
const isRight = mistake === 'none'

interface Truth {
  version: number
  acked: number
  ackedHard: number
  isBusy: boolean
}

const truths: readonly Truth[] = Array.from({ length: KEYS }, () => {
  return { version: 0, acked: 0, ackedHard: 0, isBusy: false }
})
const counts: Record<string, number> = { reads: 0, old: 0, told: 0, apart: 0, misses: 0, loads: 0 }
const history = new History()
const memcacheds: readonly Memcached[] = await Promise.all(
  Array.from({ length: HOSTS }, () => startMemcached({ args: ['-t', '1'] })),
)
const list = memcacheds.map(({ host, port }) => `${host}:${port}`)
const apartMs = new Map<string, number>()
const { make, remove } = await clientWith(mistake)

function start(): MemcachedClient {
  const times = { retryTimeoutMs: 500, requestTimeoutMs: 2_000, connectTimeoutMs: 500 }
  return make(list, { ...times, announce: 3, handover: 6 })
}

const processes: MemcachedClient[] = Array.from({ length: PROCESSES }, start)

function pick<Item>(items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)]!
}

function count(what: string): void {
  counts[what] = (counts[what] ?? 0) + 1
}

function isOn(): boolean {
  return counts.reads! < reads && (isRight || counts.old === 0)
}

/** Notes which hosts two processes see differently. */
function compare(): void {
  const views = processes.map((client) => client.hosts())
  for (const [index, name] of list.entries()) {
    const states = new Set(views.map((view) => view[index]!.state === 'up'))
    if (states.size > 1) apartMs.set(name, Date.now())
  }
}

function judge(value: unknown, least: number, how: string, key: string): string {
  count('reads')
  if (value === undefined) count('misses')
  if (value === undefined || Number(value) >= least) return `${how} ${value}`
  compare()
  const home = processes[0]!.locate(key).server
  const isApart = Date.now() - (apartMs.get(home) ?? 0) < APART_MS
  count(isApart ? 'apart' : 'old')
  return `${how} ${value}, not ${least}: ${isApart ? 'APART' : 'OLD'}`
}

async function ask(client: MemcachedClient, key: string, truth: Truth): Promise<string> {
  const dice = random()
  const { acked, ackedHard } = truth
  if (dice < 0.3) return judge(await client.get(key), ackedHard, 'get', key)
  if (dice < 0.35)
    return judge((await client.getMany([key, 'a', 'b'])).get(key), ackedHard, 'getMany', key)
  if (dice < 0.8) {
    const load = async (): Promise<number> => {
      count('loads')
      const { version } = truth
      await sleep(random() * 30)
      return version
    }
    const policy = { ttl: 60, staleWhileRevalidate: 30 }
    const entry = await client.getOrSetEntry(key, load, policy)
    return entry.state === 'fresh' ? judge(entry.value, acked, 'getOrSet', key) : entry.state
  }
  return truth.isBusy ? 'nothing' : write(client, key, truth)
}

async function write(client: MemcachedClient, key: string, truth: Truth): Promise<string> {
  truth.isBusy = true
  const version = ++truth.version
  const verb = pick(['set', 'set', 'delete', 'delete', 'invalidate', 'refresh'] as const)
  try {
    if (verb === 'set') await client.set(key, version, { ttl: random() < 0.3 ? 2 : 60 })
    else if (verb === 'delete') await client.delete(key)
    else if (verb === 'invalidate') await client.invalidate(key)
    else await client.refresh(key, () => version, { ttl: 60, staleWhileRevalidate: 30 })
    truth.acked = version
    if (verb === 'set' || verb === 'delete') truth.ackedHard = version
    count('writes')
    return `${verb} ${version}`
  } finally {
    truth.isBusy = false
  }
}

async function call(): Promise<void> {
  while (isOn()) {
    const place = Math.floor(random() * (random() < 0.5 ? HOT_KEYS : KEYS))
    const key = `key:${place}`
    const client = pick(processes)
    const ended = history.begin(key, client)
    try {
      const result = await ask(client, key, truths[place]!)
      ended(result)
      if (result.endsWith(': OLD') && counts.told === 0) await tell(key)
    } catch (error) {
      const { code = String(error) } = error as { code?: string }
      ended(code)
      count(`error ${code}`)
    }
    await sleep(random() < 0.1 ? 5 : 0)
  }
}

async function tell(key: string): Promise<void> {
  count('told')
  const items = await Promise.all(memcacheds.map((memcached) => itemOn(memcached, key)))
  console.log([`history of ${key}`, ...history.linesOf(key), ...items].join('\n'))
}

async function restartHosts(): Promise<void> {
  while (isOn()) {
    const memcached = pick(memcacheds)
    history.event(`killed ${memcached.port}`)
    await memcached.kill()
    count('kills')
    await sleep(random() * OUT_MS)
    await memcached.restart()
    history.event(`started ${memcached.port}`)
    await sleep(random() * UP_MS)
  }
}

async function restartProcesses(): Promise<void> {
  while (isOn()) {
    await sleep(random() * 2_000)
    const index = Math.floor(random() * PROCESSES)
    const old = processes[index]!
    processes[index] = start()
    void old.close({ drainMs: random() < 0.5 ? 0 : 1_000 })
    count('restarts')
  }
}

const watch = setInterval(compare, 20)
try {
  const callers = Array.from({ length: CALLERS }, call)
  await Promise.all([restartHosts(), restartProcesses(), ...callers])
  await Promise.all(processes.map((client) => client.close()))
} finally {
  clearInterval(watch)
  await Promise.all(memcacheds.map(({ kill }) => kill()))
  remove()
}
console.log(JSON.stringify({ mistake, seed: Number(seedText), ...counts }))
process.exit(counts.old! > 0 === isRight ? 1 : 0)
