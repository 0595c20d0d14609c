import { readFileSync } from 'node:fs'
import type { Load } from './overlaps.ts'
import { type Overlaps, overlapsOf } from './overlaps.ts'
import type { TroubleTime, WriteKind } from './plan.ts'
import { Views } from './views.ts'

/** A write, from the moment at which the origin had it. */
export interface Written {
  readonly version: number
  readonly kind: WriteKind
  readonly pid: number
  readonly beganMs: number
  /** When the cache had acknowledged the write completely; Infinity when it never did. */
  atMs: number
  /** The hosts that took the write; '-' when they are not known. */
  hosts: string
}

/** A worker's log and the process that wrote it. */
export interface Log {
  readonly path: string
  readonly pid: number
}

/** Everything a run recorded. */
export interface Evidence {
  readonly logs: readonly Log[]
  readonly written: ReadonlyMap<string, readonly Written[]>
  readonly loads: readonly Load[]
  readonly troubles: readonly TroubleTime[]
  /** When each process ended. */
  readonly ends: ReadonlyMap<number, number>
  /** The longest a call may take. */
  readonly boundMs: number
}

/** The result of the check. */
export interface Verdicts {
  readonly reads: number
  readonly states: Record<string, number>
  /**
   * How many reads began after a write was acknowledged, and returned an older value as current; or
   * returned it at all, when the newer write was a set or a delete.
   */
  readonly violations: number
  /**
   * Violations that are excused because another host returned the value than had taken the write.
   * Two of the processes involved looked for the key at different hosts meanwhile: the reader, the
   * writer, and those that had loaded or written the value.
   */
  readonly apart: number
  /** Those of `apart` during which two servers were restarted or stopped at about the same time. */
  readonly apartTwoOut: number
  /**
   * Violations that are excused because the writer had ended: the deletes that it still had to send
   * to the reader's host were lost with it.
   */
  readonly orphaned: number
  readonly examples: readonly string[]
  /** The excused reads in `apart` and `orphaned`, by reader, value and missed write. */
  readonly excused: readonly Excused[]
  /** How many reads resolved to something that is not a value of the test. */
  readonly undefineds: number
  /** How many reads took longer than the sum of their time limits. */
  readonly late: number
  readonly slowestMs: number
  /** The longest time that a value was served after its replacement was acknowledged. */
  readonly stalestMs: number
  /**
   * For reads that were served a stale value: how long after its replacement was acknowledged, as
   * the 99th percentile.
   */
  readonly staleP99Ms: number
  readonly overlaps: Overlaps
}

/** A read, as a line of a worker's log records it. */
interface Seen {
  readonly pid: number
  readonly key: string
  readonly startMs: number
  readonly endMs: number
  readonly state: string
  readonly version: number
  /** The hosts that returned a result. */
  readonly hosts: string
}

/** Excused reads of one process that returned the same value and missed the same write. */
export interface Excused {
  readonly why: 'apart' | 'two out' | 'orphaned'
  reads: number
  readonly first: Seen
  /** When the last of them began. */
  lastMs: number
  readonly missed: Written
  /** Where the processes involved looked for the key from the write to the first read. */
  readonly looks: Readonly<Record<number, readonly string[]>>
  /** The loads of the value that was read. */
  readonly loads: readonly Load[]
  /** The faults from some seconds before the write to the first read. */
  readonly troubles: readonly TroubleTime[]
}

const MAX_EXAMPLES = 5
/** How long processes may see a server as out after it is back. */
const RETURN_MS = 3_000
/** How long before a missed write a fault may have caused the miss. */
const BEFORE_MS = 5_000

/** Reads the logs of all workers and counts the violations of each guarantee. */
export function check(evidence: Evidence): Verdicts {
  const views = new Views(evidence.ends)
  for (const { pid, words } of linesOf(evidence, 'look')) {
    const [key, atMs, host] = words
    views.tell(pid, key!, Number(atMs), host!)
  }
  const judge = new Judge(evidence, views)
  for (const { pid, words } of linesOf(evidence, 'read')) {
    const [key, start, end, state, version, hosts] = words
    // Skip an incomplete line: the worker was killed while it wrote the line.
    if (hosts === undefined || hosts === '') continue
    const times = { startMs: Number(start), endMs: Number(end) }
    judge.hear({ pid, key: key!, state: state!, version: Number(version), hosts, ...times })
  }
  return judge.verdicts
}

/** The lines of all logs that begin with this word, without the word. */
function* linesOf(
  { logs }: Evidence,
  kind: 'look' | 'read',
): Generator<{ readonly pid: number; readonly words: readonly string[] }> {
  for (const { path, pid } of logs) {
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      const [first, ...words] = line.split(' ')
      if (first === kind) yield { pid, words }
    }
  }
}

class Judge {
  readonly #evidence: Evidence
  readonly #views: Views
  readonly #states: Record<string, number> = {}
  readonly #examples: string[] = []
  readonly #excused = new Map<string, Excused>()
  readonly #staleMs: number[] = []
  #reads = 0
  #violations = 0
  #apart = 0
  #apartTwoOut = 0
  #orphaned = 0
  #undefineds = 0
  #late = 0
  #slowestMs = 0
  #stalestMs = 0

  constructor(evidence: Evidence, views: Views) {
    this.#evidence = evidence
    this.#views = views
  }

  hear(seen: Seen): void {
    const { state, startMs, endMs } = seen
    this.#reads++
    this.#states[state] = (this.#states[state] ?? 0) + 1
    if (state === 'undefined') this.#undefineds++
    if (state === 'stale') this.#staleMs.push(endMs - startMs)
    this.#slowestMs = Math.max(this.#slowestMs, endMs - startMs)
    if (endMs - startMs > this.#evidence.boundMs) this.#note('late', seen)
    const isCurrent = state === 'fresh' || state === 'miss'
    if (isCurrent || state === 'stale') this.#judge(seen, isCurrent)
  }

  get verdicts(): Verdicts {
    const { loads, written } = this.#evidence
    const staleMs = this.#staleMs.sort((a, b) => a - b)
    return {
      reads: this.#reads,
      states: this.#states,
      violations: this.#violations,
      apart: this.#apart,
      apartTwoOut: this.#apartTwoOut,
      orphaned: this.#orphaned,
      examples: this.#examples,
      excused: [...this.#excused.values()],
      undefineds: this.#undefineds,
      late: this.#late,
      slowestMs: Math.round(this.#slowestMs),
      stalestMs: Math.round(this.#stalestMs),
      staleP99Ms: Math.round(staleMs[Math.floor(staleMs.length * 0.99)] ?? 0),
      overlaps: overlapsOf(loads, written, this.#evidence.troubles, this.#views),
    }
  }

  #judge(seen: Seen, isCurrent: boolean): void {
    const { key, version, startMs, state } = seen
    const all = this.#evidence.written.get(key) ?? []
    // Versions begin at 1 and the writes are in order, so those from this index on are newer.
    const missed = all.slice(Math.max(0, version)).filter((write) => isTold(write, seen, isCurrent))
    if (missed.length > 0) this.#miss(seen, missed)
    if (state === 'miss') return
    const next = all.slice(Math.max(0, version)).find(({ atMs }) => Number.isFinite(atMs))
    if (next !== undefined) this.#stalestMs = Math.max(this.#stalestMs, startMs - next.atMs)
  }

  /** The writes that the read should have seen and did not. */
  #miss(seen: Seen, missed: readonly Written[]): void {
    const wrong = missed.find((write) => this.#excuse(write, seen) === undefined)
    if (wrong !== undefined) {
      this.#note('violation', { seen, wrong })
      return
    }
    const last = missed.at(-1)!
    const isOrphaned = missed.some((write) => this.#excuse(write, seen) === 'orphaned')
    const isTwoOut = !isOrphaned && this.#isTwoOut(last, seen)
    if (isOrphaned) this.#orphaned++
    else this.#apart++
    if (isTwoOut) this.#apartTwoOut++
    this.#record(isOrphaned ? 'orphaned' : isTwoOut ? 'two out' : 'apart', seen, last)
  }

  /** Whether two servers were out between the write and the read, as processes may have seen it. */
  #isTwoOut({ beganMs }: Written, { startMs }: Seen): boolean {
    const out = this.#evidence.troubles.filter((one) => {
      const isServer = one.kind === 'restart' || one.kind === 'stop'
      return isServer && one.startMs < startMs && one.endMs + RETURN_MS > beganMs
    })
    return new Set(out.map(({ host }) => host)).size > 1
  }

  #record(why: Excused['why'], seen: Seen, missed: Written): void {
    const { pid, key, version, startMs } = seen
    const name = `${pid} ${key} ${version} ${missed.version}`
    const known = this.#excused.get(name)
    if (known !== undefined) {
      known.reads++
      known.lastMs = Math.max(known.lastMs, startMs)
      return
    }
    const pids = [...new Set([pid, missed.pid, ...this.#makersOf(seen)])]
    const fromMs = missed.beganMs - BEFORE_MS
    const looks = pids.map((one) => [one, this.#views.seen(key, one, fromMs, startMs)])
    const troubles = this.#evidence.troubles.filter((one) => {
      return one.endMs > fromMs && one.startMs < startMs
    })
    this.#excused.set(name, {
      ...{ why, reads: 1, first: seen, lastMs: startMs, missed, troubles },
      loads: this.#evidence.loads.filter((one) => one.key === key && one.version === version),
      looks: Object.fromEntries(looks),
    })
  }

  /** Why a read may miss a write that was acknowledged before it: undefined when it may not. */
  #excuse(write: Written, seen: Seen): 'apart' | 'orphaned' | undefined {
    if (write.hosts === seen.hosts) return undefined
    const { key } = seen
    const pids = new Set([seen.pid, write.pid, ...this.#makersOf(seen)])
    const views = this.#views
    const isApart =
      views.differ(key, pids, write.beganMs, write.atMs) ||
      views.differ(key, pids, seen.startMs, seen.endMs)
    if (isApart) return 'apart'
    return views.isOver(write.pid, seen.endMs) ? 'orphaned' : undefined
  }

  /** The processes that had loaded or set the value that was read. */
  #makersOf({ key, version }: Seen): number[] {
    const { loads, written } = this.#evidence
    const isMade = (one: { readonly version: number }): boolean => one.version === version
    const loaded = loads.filter((load) => load.key === key && isMade(load))
    return [...loaded, ...(written.get(key) ?? []).filter(isMade)].map(({ pid }) => pid)
  }

  #note(what: 'late' | 'violation', fact: object): void {
    if (what === 'late') this.#late++
    else this.#violations++
    if (this.#examples.length >= MAX_EXAMPLES) return
    this.#examples.push(`${what}: ${JSON.stringify(fact)}`)
  }
}

/**
 * Whether a read began after the write was acknowledged and has to see it. A stale value may be
 * older than a write that only marked it, never older than a set or a delete.
 */
function isTold({ kind, atMs }: Written, { startMs }: Seen, isCurrent: boolean): boolean {
  return atMs < startMs && (isCurrent || kind === 'set' || kind === 'delete')
}
