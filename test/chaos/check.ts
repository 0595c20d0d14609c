import { readFileSync } from 'node:fs'
import type { WriteKind } from './plan.ts'

/** A write of which the cache was told, completely. */
export interface Written {
  readonly version: number
  readonly kind: WriteKind
  readonly atMs: number
  /** Where the writer believed the key to live. */
  readonly host: string
}

/** A load of the origin, from its request to its end. */
export interface Load {
  readonly load: number
  readonly key: string
  readonly version: number
  readonly pid: number
  readonly startMs: number
  endMs: number
}

/** What the logs of a run say. */
export interface Verdicts {
  readonly reads: number
  readonly states: Record<string, number>
  /**
   * Reads that began after a write was told, and reported something older as current; or at all,
   * when what was older had been set over or deleted.
   */
  readonly violations: number
  /**
   * The same, where the writer saw the key on another host than the reader did: two processes may
   * differ for some seconds about which hosts are down.
   */
  readonly apart: number
  readonly examples: readonly string[]
  /** The longest a value was served after what replaced it was told. */
  readonly stalestMs: number
  /** Of the reads served stale. */
  readonly staleP99Ms: number
  /** Loads of one version by two processes at once, bypasses apart. */
  readonly overlaps: number
}

/** Reads the logs of all workers and says what they prove. */
export function check(
  paths: readonly string[],
  written: ReadonlyMap<string, readonly Written[]>,
  loads: readonly Load[],
): Verdicts {
  const states: Record<string, number> = {}
  const examples: string[] = []
  const bypassed = new Set<number>()
  const staleMs: number[] = []
  let reads = 0
  let violations = 0
  let apart = 0
  let stalestMs = 0
  for (const path of paths) {
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      const [key, start, end, state, seen, load, host] = line.split(' ')
      if (host === undefined || host === '') continue
      reads++
      states[state!] = (states[state!] ?? 0) + 1
      const startMs = Number(start)
      const version = Number(seen)
      const all = written.get(key!) ?? []
      if (state === 'bypass') bypassed.add(Number(load))
      if (state === 'stale') staleMs.push(Number(end) - startMs)
      const isCurrent = state === 'fresh' || state === 'miss'
      if (isCurrent || state === 'stale') {
        const newest = newestBefore(all, startMs, host, isCurrent)
        if (version < newest) {
          violations++
          if (examples.length < 5) examples.push(`${line}, after ${newest}`)
        } else if (version < newestBefore(all, startMs, undefined, isCurrent)) apart++
      }
      if (state === 'fresh' || state === 'stale') {
        const next = all.find((write) => write.version > version)
        if (next !== undefined) stalestMs = Math.max(stalestMs, startMs - next.atMs)
      }
    }
  }
  staleMs.sort((a, b) => a - b)
  const staleP99Ms = staleMs[Math.floor(staleMs.length * 0.99)] ?? 0
  const leased = loads.filter(({ load }) => !bypassed.has(load))
  return {
    reads,
    states,
    violations,
    apart,
    examples,
    stalestMs,
    staleP99Ms,
    overlaps: overlapsOf(leased, written),
  }
}

/**
 * The newest version told before a read began, by a writer that saw the key where the reader did,
 * or by any. A stale value may be older than what was only marked, never than what was set or
 * deleted.
 */
function newestBefore(
  all: readonly Written[],
  startMs: number,
  host: string | undefined,
  isCurrent: boolean,
): number {
  let newest = 0
  for (const { atMs, host: at, kind, version } of all) {
    if (atMs >= startMs) break
    const isFinal = kind === 'set' || kind === 'delete'
    const isSeen = host === undefined || at === host
    if (isSeen && (isCurrent || isFinal)) newest = Math.max(newest, version)
  }
  return newest
}

/** Two at once for one version, with no write of the key told between their beginnings. */
function overlapsOf(
  loads: readonly Load[],
  written: ReadonlyMap<string, readonly Written[]>,
): number {
  let overlaps = 0
  const sorted = [...loads].sort((a, b) => a.startMs - b.startMs)
  sorted.forEach((one, i) => {
    for (const other of sorted.slice(i + 1)) {
      if (other.startMs >= one.endMs) break
      const isSame = other.key === one.key && other.version === one.version && other.pid !== one.pid
      const isApart = (written.get(one.key) ?? []).some(
        ({ atMs }) => atMs > one.startMs && atMs <= other.startMs + 50,
      )
      if (isSame && !isApart) overlaps++
    }
  })
  return overlaps
}
