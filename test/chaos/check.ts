import { readFileSync } from 'node:fs'
import type { Load } from './overlaps.ts'
import { type Overlaps, overlapsOf, RECONNECT_MS } from './overlaps.ts'
import type { TroubleTime, WriteKind } from './plan.ts'

/** A write, from the moment in which the origin had it. */
export interface Written {
  readonly version: number
  readonly kind: WriteKind
  readonly pid: number
  readonly beganMs: number
  /** When the cache had been told, completely; Infinity when that was never acknowledged. */
  atMs: number
  /** Where the writer saw the key; '?' when it saw it move meanwhile. */
  host: string
}

/** A worker's log, and which process wrote it. */
export interface Log {
  readonly path: string
  readonly pid: number
}

/** What a run left behind. */
export interface Evidence {
  readonly logs: readonly Log[]
  readonly written: ReadonlyMap<string, readonly Written[]>
  readonly loads: readonly Load[]
  readonly troubles: readonly TroubleTime[]
  /** No call takes longer. */
  readonly boundMs: number
}

/** What the evidence says. */
export interface Verdicts {
  readonly reads: number
  readonly states: Record<string, number>
  /**
   * Reads that began after a write was told, and reported something older as current; or at all,
   * when what was older had been set over or deleted.
   */
  readonly violations: number
  /**
   * The same, where the writer saw the key on another host than the reader did, or that host was in
   * trouble: two processes may differ for some seconds about which hosts are down.
   */
  readonly apart: number
  readonly examples: readonly string[]
  /** Reads that resolved to something that is no value. */
  readonly undefineds: number
  /** Reads that took longer than all their bounds together. */
  readonly late: number
  readonly slowestMs: number
  /** The longest a value was served after what replaced it was told. */
  readonly stalestMs: number
  /** Of the reads served stale. */
  readonly staleP99Ms: number
  readonly overlaps: Overlaps
}

/** A line of a worker's log. */
interface Seen {
  readonly pid: number
  readonly key: string
  readonly startMs: number
  readonly endMs: number
  readonly state: string
  readonly version: number
  readonly host: string
}

const MAX_EXAMPLES = 5

/** Reads the logs of all workers and says what they prove. */
export function check(evidence: Evidence): Verdicts {
  const judge = new Judge(evidence)
  for (const log of evidence.logs) {
    for (const line of readFileSync(log.path, 'utf8').split('\n')) {
      const seen = seenOf(line, log.pid)
      if (seen !== undefined) judge.hear(seen, line)
    }
  }
  return judge.verdicts
}

function seenOf(line: string, pid: number): Seen | undefined {
  const [key, start, end, state, version, host] = line.split(' ')
  // The line that its writer was killed over.
  if (host === undefined || host === '') return undefined
  const times = { startMs: Number(start), endMs: Number(end) }
  return { pid, key: key!, state: state!, version: Number(version), host, ...times }
}

class Judge {
  readonly #evidence: Evidence
  readonly #states: Record<string, number> = {}
  readonly #examples: string[] = []
  readonly #staleMs: number[] = []
  #reads = 0
  #violations = 0
  #apart = 0
  #undefineds = 0
  #late = 0
  #slowestMs = 0
  #stalestMs = 0

  constructor(evidence: Evidence) {
    this.#evidence = evidence
  }

  hear(seen: Seen, line: string): void {
    const { state, startMs, endMs } = seen
    this.#reads++
    this.#states[state] = (this.#states[state] ?? 0) + 1
    if (state === 'undefined') this.#undefineds++
    if (state === 'stale') this.#staleMs.push(endMs - startMs)
    this.#slowestMs = Math.max(this.#slowestMs, endMs - startMs)
    if (endMs - startMs > this.#evidence.boundMs) this.#note('late', line)
    const isCurrent = state === 'fresh' || state === 'miss'
    if (isCurrent || state === 'stale') this.#judge(seen, isCurrent, line)
  }

  get verdicts(): Verdicts {
    const { loads, written, troubles } = this.#evidence
    const staleMs = this.#staleMs.sort((a, b) => a - b)
    return {
      reads: this.#reads,
      states: this.#states,
      violations: this.#violations,
      apart: this.#apart,
      examples: this.#examples,
      undefineds: this.#undefineds,
      late: this.#late,
      slowestMs: Math.round(this.#slowestMs),
      stalestMs: Math.round(this.#stalestMs),
      staleP99Ms: Math.round(staleMs[Math.floor(staleMs.length * 0.99)] ?? 0),
      overlaps: overlapsOf(loads, written, troubles),
    }
  }

  #judge(seen: Seen, isCurrent: boolean, line: string): void {
    const { key, version, startMs, state } = seen
    const all = this.#evidence.written.get(key) ?? []
    const isSeen = (write: Written): boolean => this.#isSameView(write, seen)
    const newest = newestBefore(all, startMs, isCurrent, isSeen)
    if (version < newest) {
      this.#note('violation', `pid ${seen.pid}: ${line}, after ${JSON.stringify(all[newest - 1])}`)
    } else if (version < newestBefore(all, startMs, isCurrent, () => true)) this.#apart++
    if (state === 'miss') return
    const next = all.find((write) => write.version > version && Number.isFinite(write.atMs))
    if (next !== undefined) this.#stalestMs = Math.max(this.#stalestMs, startMs - next.atMs)
  }

  /**
   * What a process wrote itself it sees wherever the key goes. Calls about a host in trouble may
   * have been retried on another one.
   */
  #isSameView(write: Written, read: Seen): boolean {
    if (write.pid === read.pid) return true
    if (write.host !== read.host || read.host === '?') return false
    const { beganMs, atMs, host } = write
    return (
      !this.#isTroubled(host, beganMs, atMs) && !this.#isTroubled(host, read.startMs, read.endMs)
    )
  }

  #isTroubled(host: string, fromMs: number, untilMs: number): boolean {
    return this.#evidence.troubles.some((trouble) => {
      const isThere = trouble.kind === 'leave' || trouble.host === host
      return isThere && trouble.startMs < untilMs && trouble.endMs + RECONNECT_MS > fromMs
    })
  }

  #note(what: 'late' | 'violation', line: string): void {
    if (what === 'late') this.#late++
    else this.#violations++
    if (this.#examples.length < MAX_EXAMPLES) this.#examples.push(`${what}: ${line}`)
  }
}

/**
 * The newest version told before a read began. A stale value may be older than what was only
 * marked, never than what was set or deleted.
 */
function newestBefore(
  all: readonly Written[],
  startMs: number,
  isCurrent: boolean,
  isSeen: (write: Written) => boolean,
): number {
  let newest = 0
  for (const write of all) {
    if (write.beganMs >= startMs) break
    const isFinal = write.kind === 'set' || write.kind === 'delete'
    if (write.atMs >= startMs || !(isCurrent || isFinal) || !isSeen(write)) continue
    newest = Math.max(newest, write.version)
  }
  return newest
}
