import type { Difference } from '../ring/difference.ts'
import { distributions } from '../ring/distributions/registry.ts'
import type { HashName } from '../ring/hashes/registry.ts'
import type { DistributionName } from '../ring/options.ts'
import { parseServer, type RingServer } from '../ring/server.ts'
import type { ChangeOverTime } from './change-cost.ts'
import type { ChangePlan } from './change-traffic.ts'
import type { Trial } from './remap-change.ts'

/** Load against what the origin has to do while moved keys are cold. */
export interface OriginLoad {
  /** Loads per second before the change: requests that miss anyway. */
  readonly beforePerSecond: number
  /** Loads per second right after it, while every moved key is still cold. */
  readonly afterPerSecond: number
  /**
   * How it goes on from there, with handover and without, for at most 1,000,000 keys. Undefined
   * when more than 20 million loads and writes would have to be followed.
   */
  readonly overTime: ChangeOverTime | undefined
}

/** How evenly keys lie on servers, each measured against its weight. */
export interface Balance {
  /** Fraction of all keys per server. */
  readonly shares: readonly number[]
  /** The busiest server over the mean. */
  readonly maxOverMean: number
  /** Standard deviation over the mean. */
  readonly stddevOverMean: number
}

/**
 * One distribution's outcome. Fractions are of all keys, averaged over all variants of the change,
 * such as each host that may leave.
 */
export interface RemapResult extends Balance {
  /** The distribution counted. */
  readonly distribution: DistributionName
  /** The hash counted. */
  readonly hash: HashName
  /** Keys whose server changes. */
  readonly moved: number
  /** Keys that move although neither end of the move was changed. */
  readonly unrelated: number
  /** The fewest that could move: what the changed servers' weights are worth. */
  readonly ideal: number
  /**
   * What moves instead when the servers that leave are dead and skipped (`ejection: 'skip'`): their
   * own keys alone. Undefined when the change is not just servers leaving.
   */
  readonly movedIfSkipped: number | undefined
  /** The least that moved in one way the change fell. */
  readonly movedMin: number
  /** The most that moved in one way the change fell. */
  readonly movedMax: number
  /** The way that moved most. */
  readonly worst: Balance & {
    /** The change in words. */
    readonly change: string
    /** The servers after it, in the order of `shares`. */
    readonly labels: readonly string[]
  }
  /** What the origin is asked for; undefined without `requestsPerSecond` and `hitRatio`. */
  readonly origin: OriginLoad | undefined
  /** Why keys of unchanged servers move, where that is known. */
  readonly remark: string | undefined
}

/** What the results are made from. */
export interface ResultInput {
  readonly distribution: DistributionName
  readonly hash: HashName
  readonly servers: readonly RingServer[]
  readonly trials: readonly Trial[]
  readonly differences: readonly Difference[]
  readonly traffic: ChangePlan | undefined
  readonly overTime: ChangeOverTime | undefined
  readonly remark: string | undefined
}

/** Averages the trials of one distribution. */
export function resultOf(input: ResultInput): RemapResult {
  const { distribution, servers, trials, differences } = input
  const moves = differences.map((difference) => difference.moved / difference.keys)
  const moved = movedOf(differences)
  const movedMax = Math.max(...moves)
  const worst = moves.indexOf(movedMax)
  const weightless = distributions[distribution].weights === 'ignored'
  const before = expectedShares(servers, weightless)
  const after = trials.map((trial) => expectedShares(trial.servers, weightless))
  return {
    distribution,
    hash: input.hash,
    moved,
    unrelated: mean(differences.map((difference) => difference.unrelated / difference.keys)),
    ideal: mean(after.map((shares) => leastMoves(before, shares))),
    movedIfSkipped: movedIfSkipped(input),
    movedMin: Math.min(...moves),
    movedMax,
    ...balanceOf(differences[0]!.before, before),
    worst: {
      change: trials[worst]!.change,
      labels: trials[worst]!.servers.map((server) => parseServer(server).label),
      ...balanceOf(differences[worst]!.after, after[worst]!),
    },
    origin: originLoad(moved, input),
    remark: input.remark,
  }
}

/** The fraction of keys that move, averaged over the ways the change can fall. */
export function movedOf(differences: readonly Difference[]): number {
  return mean(differences.map(({ moved, keys }) => moved / keys))
}

function movedIfSkipped({ servers, differences }: ResultInput): number | undefined {
  const labels = servers.map((server) => parseServer(server).label)
  if (differences.some(({ added, reweighted }) => added.length + reweighted.length > 0))
    return undefined
  const lost = differences.map(({ removed, before, keys }) => {
    const counts = removed.map((label) => before[labels.indexOf(label)]!)
    return counts.reduce((sum, count) => sum + count, 0) / keys
  })
  return mean(lost)
}

function originLoad(moved: number, { traffic, overTime }: ResultInput): OriginLoad | undefined {
  if (traffic === undefined) return undefined
  const { requestsPerSecond, hitRatio } = traffic
  const beforePerSecond = requestsPerSecond * (1 - hitRatio)
  const afterPerSecond = beforePerSecond + requestsPerSecond * hitRatio * moved
  return { beforePerSecond, afterPerSecond, overTime }
}

/** The share each server's weight is worth, by label. */
function expectedShares(
  servers: readonly RingServer[],
  weightless: boolean,
): ReadonlyMap<string, number> {
  const parsed = servers.map((server) => parseServer(server))
  const weights = parsed.map(({ weight }) => (weightless ? 1 : weight))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return new Map(parsed.map(({ label }, i) => [label, weights[i]! / total]))
}

/** What some server must give up, all together: half the sum of all differences. */
function leastMoves(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): number {
  let given = 0
  for (const [label, share] of before) given += Math.max(0, share - (after.get(label) ?? 0))
  return given
}

function balanceOf(counts: readonly number[], expected: ReadonlyMap<string, number>): Balance {
  const keys = counts.reduce((sum, count) => sum + count, 0)
  const shares = counts.map((count) => count / keys)
  const due = [...expected.values()]
  const loads = shares.map((share, i) => share / due[i]!)
  const variance = mean(loads.map((load) => (load - 1) ** 2))
  const busiest = loads.reduce((most, load) => Math.max(most, load), 0)
  return { shares, maxOverMean: busiest, stddevOverMean: Math.sqrt(variance) }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
