import type { Difference } from '../ring/difference.ts'
import { distributions } from '../ring/distributions/registry.ts'
import type { HashName } from '../ring/hashes/registry.ts'
import type { DistributionName } from '../ring/options.ts'
import { parseServer, type RingServer } from '../ring/server.ts'
import type { ChangeOverTime } from './change-cost.ts'
import type { ChangePlan } from './change-traffic.ts'
import type { Trial } from './remap-change.ts'

/** The load on the origin before and after the change. */
export interface OriginLoad {
  /** Loads per second before the change: the usual misses. */
  readonly beforePerSecond: number
  /** Loads per second directly after the change, while no moved key is cached yet. */
  readonly afterPerSecond: number
  /**
   * The load over time, with handover and without, for at most 1,000,000 keys. Undefined if there
   * would be more than 20 million loads and writes to simulate.
   */
  readonly overTime: ChangeOverTime | undefined
}

/** How evenly keys are spread over the servers, each compared with its weight. */
export interface Balance {
  /** The fraction of all keys on each server. */
  readonly shares: readonly number[]
  /** The share of the busiest server, divided by the mean. */
  readonly maxOverMean: number
  /** The standard deviation of the shares, divided by the mean. */
  readonly stddevOverMean: number
}

/**
 * The result for one distribution. Fractions refer to all keys, averaged over all variants of the
 * change, such as each host that could leave.
 */
export interface RemapResult extends Balance {
  /** The distribution. */
  readonly distribution: DistributionName
  /** The hash. */
  readonly hash: HashName
  /** Keys whose server changes. */
  readonly moved: number
  /** Keys that move between two servers that did not change. */
  readonly unrelated: number
  /**
   * The smallest possible fraction of moved keys, as the weights of the changed servers require.
   */
  readonly ideal: number
  /**
   * The fraction that moves if the leaving servers are skipped as dead (`ejection: 'skip'`): only
   * their own keys. Undefined if the change is more than servers leaving.
   */
  readonly movedIfSkipped: number | undefined
  /** The smallest fraction that moved in any variant of the change. */
  readonly movedMin: number
  /** The largest fraction that moved in any variant of the change. */
  readonly movedMax: number
  /** The variant in which most keys moved. */
  readonly worst: Balance & {
    /** The variant as text. */
    readonly change: string
    /** The servers after the change, in the order of `shares`. */
    readonly labels: readonly string[]
  }
  /** The load on the origin; undefined without `requestsPerSecond` and `hitRatio`. */
  readonly origin: OriginLoad | undefined
  /** Why keys of unchanged servers move, if known. */
  readonly remark: string | undefined
}

/** The counts from which the result for one distribution is computed. */
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
  const weightless = distributions[distribution]().weights === 'ignored'
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

/** Returns the fraction of keys that move, averaged over the variants of the change. */
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

/** Returns the share of keys that each server's weight entitles it to, by label. */
function expectedShares(
  servers: readonly RingServer[],
  weightless: boolean,
): ReadonlyMap<string, number> {
  const parsed = servers.map((server) => parseServer(server))
  const weights = parsed.map(({ weight }) => (weightless ? 1 : weight))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return new Map(parsed.map(({ label }, i) => [label, weights[i]! / total]))
}

/** Returns the smallest fraction that must move: half the sum of all differences in share. */
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
