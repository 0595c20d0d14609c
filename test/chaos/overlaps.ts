import type { Written } from './check.ts'
import type { TroubleTime } from './plan.ts'
import type { Views } from './views.ts'

/** A load from the origin, from request to end. */
export interface Load {
  readonly load: number
  readonly key: string
  readonly version: number
  readonly pid: number
  /** The host where the loading process saw the key; after its end, the host of its lease. */
  readonly host: string
  readonly home: string
  /** How the load ended: the name of the event that the refill reported, and its reason. */
  readonly how?: string
  /** Whether the load was made without the cache, which was unreachable. */
  readonly isBypass: boolean
  readonly startMs: number
  endMs: number
}

/** Why two processes loaded one version at once. */
type Cause =
  /**
   * An invalidation was in progress: the second process won the lease after the key was marked
   * stale.
   */
  | 'write'
  /**
   * The two processes saw the key on different hosts, or on a fallback host: a lease there ends as
   * soon as one process uses the key's own host again.
   */
  | 'views'
  /**
   * A host of the two loads was restarted or stopped, or the list changed: the lease was forgotten.
   */
  | 'host'
  /** The process of the first one stood still for too long to give a sign of life. */
  | 'stall'

/** Overlapping loads of one version by cause, loads without the cache excluded. */
export type Overlaps = Readonly<Record<Cause | 'none', number>> & {
  readonly examples: readonly string[]
}

/**
 * The longest time from winning the lease on the server to the call of the loader, in a running
 * process.
 */
const ELECTION_MS = 300
/** How long after a host's failure its connections are reopened. */
const RECONNECT_MS = 3_000
const MAX_EXAMPLES = 5

/** Finds overlapping loads and their causes. */
export function overlapsOf(
  loads: readonly Load[],
  written: ReadonlyMap<string, readonly Written[]>,
  troubles: readonly TroubleTime[],
  views: Views,
): Overlaps {
  const counts = { write: 0, views: 0, host: 0, stall: 0, none: 0 }
  const examples: string[] = []
  const sorted = loads.filter((load) => !load.isBypass).sort((a, b) => a.startMs - b.startMs)
  sorted.forEach((one, i) => {
    for (const other of sorted.slice(i + 1)) {
      if (other.startMs >= one.endMs) break
      const isSame = other.key === one.key && other.version === one.version && other.pid !== one.pid
      if (!isSame) continue
      const cause = causeOf(one, other, written.get(one.key) ?? [], troubles, views)
      counts[cause]++
      if (cause === 'none' && examples.length < MAX_EXAMPLES) {
        examples.push(JSON.stringify([one, other]))
      }
    }
  })
  return { ...counts, examples }
}

function causeOf(
  one: Load,
  other: Load,
  writes: readonly Written[],
  troubles: readonly TroubleTime[],
  views: Views,
): Cause | 'none' {
  const pids = [one.pid, other.pid]
  if (one.host !== other.host || one.host !== one.home || other.host !== other.home) return 'views'
  if (views.differ(one.key, pids, one.startMs - ELECTION_MS, other.startMs)) return 'views'
  const isBetween = (trouble: TroubleTime, afterMs: number): boolean => {
    return trouble.startMs < other.startMs && trouble.endMs + afterMs > one.startMs
  }
  const ofHost = (trouble: TroubleTime): boolean => {
    return trouble.kind === 'leave' || trouble.host === one.host
  }
  if (troubles.some((trouble) => ofHost(trouble) && isBetween(trouble, RECONNECT_MS))) return 'host'
  if (troubles.some((trouble) => trouble.pid === one.pid && isBetween(trouble, 0))) return 'stall'
  const isUnderWay = writes.some(({ version, beganMs, atMs }) => {
    const isRaced = beganMs < other.startMs && atMs > one.startMs - ELECTION_MS
    return version <= one.version && isRaced
  })
  return isUnderWay ? 'write' : 'none'
}
