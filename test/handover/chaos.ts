import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import type { MemcachedClient } from '../../src/client/client.ts'
import type { RefillEntry } from '../../src/refill/finding.ts'
import { seededRandom } from '../../src/simulate/virtual-time.ts'
import { type Memcached, startMemcached } from '../support/memcached.ts'
import { History, itemOn } from './chaos-history.ts'
import { clientWith, type MakeClient } from './chaos-mistakes.ts'

/**
 * Reads of a fleet whose servers change all the time, on real memcacheds:
 * `node --import ./scripts/typescript.mjs test/handover/chaos.ts`, then the number of reads, a
 * seed, a mistake, the only trouble ('any' for all), and what `failover` is ('error').
 * Prints a line of JSON, and exits with 1 when a fresh value was older than an acknowledged change,
 * or when a planted mistake was not found. The first old value is printed with the calls of its
 * key before it, and with the items of all servers.
 */
const HOSTS = 5
const PROCESSES = 6
const CALLERS = 64
/** Half of the calls use a few keys; of all others, some are not changed while values move. */
const HOT_KEYS = 40
const KEYS = 2_000
const LEARN_MS = 1_200
/** How long a handover may take to begin, on any machine. */
const BEGIN_MS = 60_000
const OLD = 'OLD'
const CLASSIC = { protocol: 'classic' } as const
/** The writes, and up to which value of a random number each is chosen. */
const WRITES = [
  [0.85, 'set'],
  [0.9, 'delete'],
  [0.95, 'invalidate'],
  [1, 'refresh'],
] as const

/** What happens during a change. */
const TROUBLES = [
  ...(['none', 'restart', 'previous', 'old list', 'classic starter'] as const),
  ...(['kill', 'roll back', 'again'] as const),
] as const
type Trouble = (typeof TROUBLES)[number]

/** The troubles that show a mistake which others hide. */
const SHOWN_BY: Readonly<Record<string, Trouble>> = {
  'new list alone': 'restart',
  'old list alone': 'old list',
}

const [
  readsText = '100000',
  seedText = '1',
  mistake = 'none',
  trouble = 'any',
  failover = 'error',
] = process.argv.slice(2)
const only = trouble === 'any' ? undefined : (trouble as Trouble)
const isLong = only === 'roll back' || only === 'again'
/** A change can be taken back in the first half of an announcement, when all processes know it. */
const ANNOUNCE = isLong ? 6 : 3
const HANDOVER = 6
const reads = Number(readsText)
const random = seededRandom(Number(seedText))
const isRight = mistake.startsWith('none')

/** One key, and its acknowledged changes. */
interface Truth {
  version: number
  /** The newest acknowledged change. */
  acked: number
  /** The newest change that a plain get must see. */
  ackedHard: number
  isBusy: boolean
}

class Chaos {
  readonly #memcacheds: readonly Memcached[]
  readonly #addresses: readonly string[]
  readonly #make: MakeClient
  readonly #processes: MemcachedClient[]
  readonly #truths: readonly Truth[] = Array.from({ length: KEYS }, () => {
    return { version: 0, acked: 0, ackedHard: 0, isBusy: false }
  })
  readonly counts: Record<string, number> = { reads: 0, old: 0 }
  readonly examples: string[] = []
  readonly #history = new History()
  /** Processes with classic commands: they do not see that others invalidated a plain set. */
  readonly #classic = new WeakSet<MemcachedClient>()
  #list: readonly string[]
  /** Whether the run must end, although not all reads are done. */
  isEnding = false

  constructor(memcacheds: readonly Memcached[], make: MakeClient) {
    this.#memcacheds = memcacheds
    this.#addresses = memcacheds.map(({ host, port }) => `${host}:${port}`)
    this.#make = make
    this.#list = this.#addresses.slice(0, HOSTS - 1)
    this.#processes = Array.from({ length: PROCESSES }, () => this.#process(this.#list))
  }

  async run(): Promise<void> {
    const callers = Array.from({ length: CALLERS }, () => this.#call())
    while (this.#isOn) await this.#transition()
    await Promise.all(callers)
    await Promise.all(this.#processes.map((client) => client.close()))
  }

  get #isOn(): boolean {
    return !this.isEnding && this.counts.reads! < reads && (isRight || this.counts.old === 0)
  }

  #process(list: readonly string[], more: BehaviorsInput = {}): MemcachedClient {
    const client = this.#make(list, {
      ...{ announce: ANNOUNCE, handover: HANDOVER, retryTimeoutMs: 500, requestTimeoutMs: 2_000 },
      ...{ connectTimeoutMs: 500, failover: failover as 'error' | 'rehash', ...more },
    })
    if (more.protocol === 'classic') this.#classic.add(client)
    return client
  }

  async #call(): Promise<void> {
    while (this.#isOn) {
      const place = Math.floor(random() * (random() < 0.5 ? HOT_KEYS : KEYS))
      const truth = this.#truths[place]!
      const key = `key:${place}`
      const client = pick(this.#processes)
      const ended = this.#history.begin(key, client)
      try {
        const result = await this.#ask(client, key, truth)
        ended(result)
        if (result.endsWith(OLD) && this.counts.old === 1) await this.#tell(key)
      } catch (error) {
        const { code = String(error) } = error as { code?: string }
        ended(code)
        this.#count(`error ${code}`)
      }
      await sleep(random() < 0.1 ? 5 : 0)
    }
  }

  /** Returns what was done, with the version that was read or written. */
  async #ask(client: MemcachedClient, key: string, truth: Truth): Promise<string> {
    const dice = random()
    const { acked, ackedHard } = truth
    if (dice < 0.35) return this.#judge(await client.get(key), ackedHard, 'get', key, client)
    if (dice < 0.4) {
      const found = await client.getMany([key, 'other:1', 'other:2'])
      return this.#judge(found.get(key), ackedHard, 'getMany', key, client)
    }
    if (dice < 0.75) {
      const entry: RefillEntry<number> = await client.getOrSetEntry(key, () => truth.version, {
        ttl: 60,
        staleWhileRevalidate: 30,
      })
      const least = this.#classic.has(client) ? ackedHard : acked
      if (entry.state === 'fresh') return this.#judge(entry.value, least, 'getOrSet', key, client)
      this.#count(entry.state)
      return `getOrSet ${entry.value} ${entry.state}`
    }
    return truth.isBusy ? 'nothing' : await this.#write(client, key, truth, dice)
  }

  async #write(client: MemcachedClient, key: string, truth: Truth, dice: number): Promise<string> {
    truth.isBusy = true
    const version = ++truth.version
    const verb = WRITES.find(([end]) => dice < end)![1]
    try {
      if (verb === 'set') await client.set(key, version, { ttl: 60 })
      else if (verb === 'delete') await client.delete(key)
      else if (verb === 'invalidate') await client.invalidate(key)
      else await client.refresh(key, () => version, { ttl: 60, staleWhileRevalidate: 30 })
      truth.acked = version
      if (verb === 'set' || verb === 'delete') truth.ackedHard = version
      this.#count('writes')
      return `${verb} ${version}`
    } catch (error) {
      const { code = String(error) } = error as { code?: string }
      this.#count(`error ${code}`)
      return `${verb} ${version} ${code}`
    } finally {
      truth.isBusy = false
    }
  }

  #judge(
    value: unknown,
    least: number,
    how: string,
    key: string,
    { handover }: MemcachedClient,
  ): string {
    this.#count('reads')
    if (value === undefined) this.#count('misses')
    if (value === undefined || Number(value) >= least) return `${how} ${value}`
    this.#count('old')
    const after = `after ${this.#history.lastEvents}`
    const example = `${how} ${key}: ${value}, not ${least}, in ${handover?.phase} ${after}`
    if (this.examples.length < 5) this.examples.push(example)
    return `${how} ${value}, not ${least}: ${OLD}`
  }

  async #tell(key: string): Promise<void> {
    const lines = this.#history.linesOf(key)
    const items = await Promise.all(this.#memcacheds.map((memcached) => itemOn(memcached, key)))
    const views = this.#processes.map((client) => this.#history.viewOf(client, key))
    console.log([`history of ${key}`, ...lines, ...items, ...views].join('\n'))
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }

  /** One change of servers, with another event in the middle of it. */
  async #transition(): Promise<void> {
    const before = this.#list
    const after = this.#otherThan(before)
    const learning = this.#learn(after)
    const trouble = only ?? SHOWN_BY[mistake] ?? pick(TROUBLES)
    // Wait until a process has announced the change. One that starts with the new list before that
    // takes no part in the handover.
    for (const startMs = Date.now(); !this.#processes.some(({ handover }) => handover); ) {
      if (Date.now() - startMs > BEGIN_MS) throw new Error('no process begins the handover')
      await sleep(20)
    }
    const endMs = Date.now() + (ANNOUNCE + HANDOVER + 1) * 1_000
    this.#event(trouble)
    if (trouble === 'roll back' || trouble === 'again') {
      await sleep(random() * ANNOUNCE * 1_000)
      await learning
      await this.#learn(trouble === 'again' ? this.#otherThan(after) : before)
      await sleep((ANNOUNCE + HANDOVER) * 1_000)
    } else {
      while (Date.now() < endMs - 2_000 && this.#isOn) await this.#disturb(trouble, before, after)
    }
    await learning
    await sleep(Math.max(0, endMs - Date.now()))
    while (this.#isOn && this.#processes.some(({ handover }) => handover)) await sleep(100)
  }

  #otherThan(list: readonly string[]): readonly string[] {
    const four = (without: number): readonly string[] =>
      this.#addresses.filter((_, i) => i !== without)
    const lists = [this.#addresses, four(4), four(0), [`${four(4)[0]}:2`, ...four(4).slice(1)]]
    return pick(lists.filter((one) => one.join() !== list.join()))
  }

  async #learn(list: readonly string[]): Promise<void> {
    this.#event(`${list.length} hosts`)
    this.#history.event(`the list is ${list.join(' ')}`)
    this.#list = list
    const each = this.#processes.map(async (_, index) => {
      await sleep(random() * LEARN_MS)
      this.#processes[index]!.setServers(list)
    })
    await Promise.all(each)
  }

  async #disturb(
    trouble: Trouble,
    before: readonly string[],
    after: readonly string[],
  ): Promise<void> {
    await sleep(random() * 2_000)
    if (trouble === 'restart') this.#restart(this.#process(after))
    if (trouble === 'previous')
      this.#restart(this.#process(after, { previous: { servers: before } }))
    if (trouble === 'old list') await this.#restartWith(before, after)
    if (trouble === 'classic starter' && random() < 0.5)
      this.#restart(this.#process(after, CLASSIC))
    else if (trouble === 'classic starter') await this.#restartWith(before, after, CLASSIC)
    if (trouble === 'kill' && random() < 0.4) {
      const killed = pick(this.#memcacheds)
      this.#history.event(`killed ${killed.port}`)
      await killed.kill()
      await sleep(random() * 1_500)
      await killed.restart()
      this.#history.event(`started ${killed.port}`)
    }
  }

  #restart(next: MemcachedClient): void {
    const index = Math.floor(random() * this.#processes.length)
    const old = this.#processes[index]!
    this.#processes[index] = next
    void old.close()
    this.#count('restarts')
  }

  /** Restarts a process with the old list; it learns of the new list after a while. */
  async #restartWith(
    before: readonly string[],
    after: readonly string[],
    more: BehaviorsInput = {},
  ): Promise<void> {
    const old = this.#process(before, more)
    this.#restart(old)
    await sleep(random() * 3_000)
    old.setServers(after)
  }

  #event(what: string): void {
    this.#history.event(what)
    this.#count(what)
  }
}

function pick<Item>(items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)]!
}

const memcacheds = await Promise.all(
  Array.from({ length: HOSTS }, () => startMemcached({ args: ['-t', '1'] })),
)
const { make, remove } = await clientWith(mistake)
const chaos = new Chaos(memcacheds, make)
process.once('SIGTERM', () => {
  chaos.isEnding = true
})
try {
  await chaos.run()
} finally {
  await Promise.all(memcacheds.map(({ kill }) => kill()))
  remove()
}
const isOld = chaos.counts.old! > 0
console.log(JSON.stringify({ mistake, seed: Number(seedText), failover, ...chaos.counts }))
for (const example of chaos.examples) console.log(`  ${example}`)
process.exit(isOld === isRight ? 1 : 0)
