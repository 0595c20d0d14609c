import { type Phase as ChangePhase, phaseAt, settleMsOf } from '../ring/transition.ts'

/**
 * The phase of a change as one process sees it. `before`: it has not learned of the change yet.
 * `after`: the change is over.
 */
export type FleetPhase = 'before' | ChangePhase | 'after'

export const phases: readonly FleetPhase[] = ['before', 'announce', 'move', 'settle', 'after']

/** The times that decide when each process enters each phase of a change of servers. */
export interface Schedule {
  readonly processes: number
  /**
   * Time from the first process that learns of the change to the last; processes learn of it at
   * even intervals.
   */
  readonly learnMs: number
  readonly announceMs: number
  /** How long values move to their new hosts; 0 means a change without handover. */
  readonly handoverMs: number
  readonly durationMs: number
}

/**
 * Computes which share of the processes is in each phase of a change of servers at any time, and
 * when a process in a given phase makes the next request. It looks both up in sums that it computes
 * once, so a request takes a few steps even with 10,000 processes.
 */
export class FleetPhases {
  readonly #timesMs: readonly number[]
  readonly #shares: Readonly<Record<FleetPhase, Float64Array>>
  /**
   * For each phase of the handover, the integral over time of the share of processes that are in
   * it, up to each of `#timesMs`.
   */
  readonly #sums: Readonly<Record<FleetPhase, Float64Array>>

  constructor(schedule: Schedule) {
    const { processes, learnMs, announceMs, handoverMs, durationMs } = schedule
    const learned = Array.from({ length: processes }, (_, i) => {
      return processes === 1 ? 0 : (learnMs * i) / (processes - 1)
    })
    const moveMs = handoverMs === 0 ? 0 : announceMs
    const endMs = moveMs + handoverMs
    const turnsMs = [...learned, moveMs, endMs - settleMsOf(schedule), endMs]
    const times = new Set(turnsMs.filter((ms) => ms < durationMs))
    this.#timesMs = [...times].sort((a, b) => a - b)
    const shares = byPhase((): number[] => [])
    let known = 0
    for (const [i, atMs] of this.#timesMs.entries()) {
      while (known < processes && learned[known]! <= atMs) known++
      const phase = phaseAt(endMs - atMs, schedule) ?? 'after'
      for (const each of phases) shares[each][i] = 0
      shares.before[i] = 1 - known / processes
      shares[phase][i] = known / processes
    }
    this.#shares = byPhase((phase) => Float64Array.from(shares[phase]))
    this.#sums = byPhase((phase) => this.#summed(shares[phase]))
  }

  /**
   * Returns when the processes of a phase make their next request; Infinity if the phase ends
   * before. `shareMs` is how long the wait would be if all processes were in that phase.
   */
  momentAfter(phase: FleetPhase, fromMs: number, shareMs: number): number {
    const shares = this.#shares[phase]
    const sums = this.#sums[phase]
    const sum = this.shareMsUntil(phase, fromMs) + shareMs
    // The index of the interval of `#timesMs` that contains the result.
    const at = lastAtMost(sums, sum)
    const share = shares[at]!
    if (share > 0) return this.#timesMs[at]! + (sum - sums[at]!) / share
    return Number.POSITIVE_INFINITY
  }

  /** Returns the integral over time, up to `atMs`, of a phase's share of processes. */
  shareMsUntil(phase: FleetPhase, atMs: number): number {
    const at = lastAtMost(this.#timesMs, atMs)
    return this.#sums[phase][at]! + this.#shares[phase][at]! * (atMs - this.#timesMs[at]!)
  }

  /** Returns the phase of a random process. `dice` is a random number from 0 to 1. */
  phaseAt(atMs: number, dice: number): FleetPhase {
    const at = lastAtMost(this.#timesMs, atMs)
    let left = dice
    for (const phase of phases) {
      left -= this.#shares[phase][at]!
      if (left < 0) return phase
    }
    return 'after'
  }

  #summed(shares: readonly number[]): Float64Array {
    const sums = new Float64Array(shares.length)
    for (let i = 1; i < sums.length; i++) {
      sums[i] = sums[i - 1]! + shares[i - 1]! * (this.#timesMs[i]! - this.#timesMs[i - 1]!)
    }
    return sums
  }
}

function byPhase<Value>(of: (phase: FleetPhase) => Value): Readonly<Record<FleetPhase, Value>> {
  return Object.fromEntries(phases.map((phase) => [phase, of(phase)])) as Record<FleetPhase, Value>
}

/** Returns the last index whose value is at most `limit`, or 0 if there is none. */
function lastAtMost(values: ArrayLike<number>, limit: number): number {
  let low = 0
  let high = values.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (values[middle]! <= limit) low = middle
    else high = middle - 1
  }
  return low
}
