import { type Phase as ChangePhase, type HomeName, type Plan, planOf } from '../ring/transition.ts'
import { type FleetPhase, type FleetPhases, phases } from './fleet-phases.ts'

/** How a process in a given phase handles a key that moves. */
interface Rules {
  /** The hosts that a read tries, in this order. */
  readonly reads: readonly HomeName[]
  /** Whether a read copies a value from the second host to the first. */
  readonly copies: boolean
  /** What a write does on the previous host and on the new host. */
  readonly store: Plan
}

const RULES: Readonly<Record<FleetPhase, Rules>> = {
  before: alone('previous'),
  announce: rulesOf('announce'),
  move: rulesOf('move'),
  settle: rulesOf('settle'),
  after: alone('new'),
}

function rulesOf(phase: ChangePhase): Rules {
  const read = planOf(phase, 'read', true)
  const looks = read.filter(({ act }) => act !== 'copy')
  return {
    reads: looks.map(({ at }) => at),
    copies: looks.length < read.length,
    store: planOf(phase, 'store', true),
  }
}

/** Returns the rules of a process that uses only the previous or only the new server list. */
function alone(at: HomeName): Rules {
  return { reads: [at], copies: false, store: [{ at, act: 'run' }] }
}

/** What a host stores for a key. */
interface Item {
  untilMs: number
  version: number
}

/** The traffic on one key. */
export interface KeyTraffic {
  /** Reads per millisecond by the whole fleet. */
  readonly readsPerMs: number
  readonly writesPerMs: number
  readonly lifeMs: number
  readonly durationMs: number
}

/** Adds up the results of many keys. */
export class MovedKeysTally {
  /** Loads at each step, less the loads that the same requests would cause without a change. */
  readonly extraLoads: Float64Array
  /** The sum of `extraLoads` from the start of the change up to each of `momentsMs`. */
  readonly extraUntil: Float64Array
  copied = 0
  /** The expected number of reads that returned an outdated value. */
  staleReads = 0
  readonly #stepMs: number
  readonly #momentsMs: readonly number[]

  constructor(steps: number, stepMs: number, momentsMs: readonly number[]) {
    this.extraLoads = new Float64Array(steps)
    this.extraUntil = new Float64Array(momentsMs.length)
    this.#stepMs = stepMs
    this.#momentsMs = momentsMs
  }

  /** Counts a load. With -1, subtracts a load that would have happened without the change. */
  load(atMs: number, count: 1 | -1): void {
    this.extraLoads[Math.floor(atMs / this.#stepMs)]! += count
    for (const [i, momentMs] of this.#momentsMs.entries()) {
      if (atMs < momentMs) this.extraUntil[i]! += count
    }
  }
}

/**
 * Simulates one key that moves, from the change on. It jumps from one request that changes
 * something to the next: requests in between are hits, and their number follows from probabilities.
 * So a popular key costs no more than a rare one.
 */
export class SimulatedKey {
  readonly #fleet: FleetPhases
  readonly #traffic: KeyTraffic
  readonly #random: () => number
  readonly #tally: MovedKeysTally
  readonly #items: Readonly<Record<HomeName, Item>>
  /** What the key's host would store without the change. */
  readonly #unchanged: Item
  #version = 0
  #nowMs = 0
  /** How many steps the simulation took. */
  steps = 0

  constructor(
    fleet: FleetPhases,
    traffic: KeyTraffic,
    tally: MovedKeysTally,
    random: () => number,
  ) {
    this.#fleet = fleet
    this.#traffic = traffic
    this.#tally = tally
    this.#random = random
    const untilMs = this.#lifeLeftMs()
    this.#items = { previous: { untilMs, version: 0 }, new: { untilMs: 0, version: 0 } }
    this.#unchanged = { untilMs, version: 0 }
  }

  run(): void {
    while (this.#nowMs < this.#traffic.durationMs) this.#step()
  }

  /**
   * Returns the remaining lifetime at the start: in a cache in equilibrium, a value is present with
   * some probability, and was loaded at a random time.
   */
  #lifeLeftMs(): number {
    const { lifeMs, readsPerMs } = this.#traffic
    if (lifeMs === Number.POSITIVE_INFINITY) return lifeMs
    const requests = readsPerMs * lifeMs
    return this.#random() < requests / (1 + requests) ? this.#random() * lifeMs : 0
  }

  #step(): void {
    this.steps++
    const untilMs = this.#nextExpiryMs()
    const writeMs = this.#nowMs + this.#wait() / this.#traffic.writesPerMs
    let readMs = Number.POSITIVE_INFINITY
    let reader: FleetPhase = 'before'
    for (const phase of phases) {
      if (this.#isQuiet(phase)) continue
      const share = this.#wait() / this.#traffic.readsPerMs
      const momentMs = this.#fleet.momentAfter(phase, this.#nowMs, share)
      if (momentMs < readMs) [readMs, reader] = [momentMs, phase]
    }
    const atMs = Math.min(untilMs, writeMs, readMs)
    this.#countStale(atMs)
    this.#nowMs = atMs
    if (atMs === untilMs) return
    if (atMs === writeMs) this.#write(this.#fleet.phaseAt(atMs, this.#random()))
    else this.#read(reader)
  }

  /** Returns when the next value expires, or when the run ends. */
  #nextExpiryMs(): number {
    const { previous, new: next } = this.#items
    const isLeft = (ms: number): number => (ms > this.#nowMs ? ms : Number.POSITIVE_INFINITY)
    const first = Math.min(isLeft(previous.untilMs), isLeft(next.untilMs))
    return Math.min(first, isLeft(this.#unchanged.untilMs), this.#traffic.durationMs)
  }

  /** Returns a random waiting time between events (Poisson), in units of their mean distance. */
  #wait(): number {
    return -Math.log(1 - this.#random())
  }

  /** Returns which of the hosts that a read tries has the key, by position; -1 if none has. */
  #finds({ reads }: Rules): number {
    for (let i = 0; i < reads.length; i++) if (this.#isAlive(this.#items[reads[i]!])) return i
    return -1
  }

  #isAlive(item: Item): boolean {
    return item.untilMs > this.#nowMs
  }

  /** Returns whether a read by a process in this phase is a hit that copies no value. */
  #isQuiet(phase: FleetPhase): boolean {
    const found = this.#finds(RULES[phase])
    return this.#isAlive(this.#unchanged) && (found === 0 || (found > 0 && !RULES[phase].copies))
  }

  #read(phase: FleetPhase): void {
    if (!this.#isAlive(this.#unchanged)) {
      this.#tally.load(this.#nowMs, -1)
      this.#store(this.#unchanged)
    }
    const { reads, copies } = RULES[phase]
    const found = this.#finds(RULES[phase])
    const home = this.#items[reads[0]!]
    if (found < 0) {
      this.#tally.load(this.#nowMs, 1)
      // A loaded value is not a new version. It is stored on the host that was read first.
      this.#store(home)
    } else if (found > 0 && copies) {
      this.#tally.copied++
      Object.assign(home, this.#items[reads[found]!])
    }
  }

  #write(phase: FleetPhase): void {
    this.#version++
    for (const { at, act } of RULES[phase].store) {
      if (act === 'delete') this.#items[at].untilMs = 0
      else this.#store(this.#items[at])
    }
    this.#store(this.#unchanged)
  }

  #store(item: Item): void {
    item.untilMs = this.#nowMs + this.#traffic.lifeMs
    item.version = this.#version
  }

  #countStale(untilMs: number): void {
    if (this.#version === 0) return
    for (const phase of phases) {
      const { reads } = RULES[phase]
      const found = this.#finds(RULES[phase])
      if (found < 0 || this.#items[reads[found]!].version === this.#version) continue
      const shareMs =
        this.#fleet.shareMsUntil(phase, untilMs) - this.#fleet.shareMsUntil(phase, this.#nowMs)
      this.#tally.staleReads += shareMs * this.#traffic.readsPerMs
    }
  }
}
