import { type Phase as ChangePhase, type HomeName, type Plan, planOf } from '../ring/transition.ts'
import { type FleetPhase, type FleetPhases, phases } from './fleet-phases.ts'

/** What a process of a phase does about a key that moves. */
interface Rules {
  /** Where it looks, in this order. */
  readonly reads: readonly HomeName[]
  /** Whether it copies to the first of those what it finds at the second. */
  readonly copies: boolean
  /** What it does when the value changes. */
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

/** One who knows one list alone. */
function alone(at: HomeName): Rules {
  return { reads: [at], copies: false, store: [{ at, act: 'run' }] }
}

/** What a home holds of a key. */
interface Item {
  untilMs: number
  version: number
}

/** What the keys of one fleet go through. */
export interface KeyTraffic {
  /** Requests of the whole fleet in a millisecond. */
  readonly readsPerMs: number
  readonly writesPerMs: number
  readonly lifeMs: number
  readonly durationMs: number
}

/** What was counted over many keys. */
export class MovedKeysTally {
  /** By step, the loads beyond those that the same requests would make without a change. */
  readonly extraLoads: Float64Array
  /** The same up to each of some moments. */
  readonly extraUntil: Float64Array
  copied = 0
  /** Reads of values that were replaced, as many as there would be on average. */
  staleReads = 0
  readonly #stepMs: number
  readonly #momentsMs: readonly number[]

  constructor(steps: number, stepMs: number, momentsMs: readonly number[]) {
    this.extraLoads = new Float64Array(steps)
    this.extraUntil = new Float64Array(momentsMs.length)
    this.#stepMs = stepMs
    this.#momentsMs = momentsMs
  }

  /** Counts a load, or with -1 one that would have been without the change. */
  load(atMs: number, count: 1 | -1): void {
    this.extraLoads[Math.floor(atMs / this.#stepMs)]! += count
    for (const [i, momentMs] of this.#momentsMs.entries()) {
      if (atMs < momentMs) this.extraUntil[i]! += count
    }
  }
}

/**
 * One key that moves, from the moment of the change on. It goes from one request that changes
 * something to the next, by the odds of those between that only hit: a popular key costs no more
 * than another.
 */
export class SimulatedKey {
  readonly #fleet: FleetPhases
  readonly #traffic: KeyTraffic
  readonly #random: () => number
  readonly #tally: MovedKeysTally
  readonly #items: Readonly<Record<HomeName, Item>>
  /** What the key's only home would hold without the change. */
  readonly #unchanged: Item
  #version = 0
  #nowMs = 0
  /** How many steps it took. */
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

  /** In a cache that is in balance a value is there by chance, loaded any time ago. */
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

  /** When something expires next, or the run ends. */
  #nextExpiryMs(): number {
    const { previous, new: next } = this.#items
    const isLeft = (ms: number): number => (ms > this.#nowMs ? ms : Number.POSITIVE_INFINITY)
    const first = Math.min(isLeft(previous.untilMs), isLeft(next.untilMs))
    return Math.min(first, isLeft(this.#unchanged.untilMs), this.#traffic.durationMs)
  }

  /** A wait for the next of events that come at random, in units of their mean distance. */
  #wait(): number {
    return -Math.log(1 - this.#random())
  }

  /** Which of the homes that a read looks at has the key; -1 for none. */
  #finds({ reads }: Rules): number {
    for (let i = 0; i < reads.length; i++) if (this.#isAlive(this.#items[reads[i]!])) return i
    return -1
  }

  #isAlive(item: Item): boolean {
    return item.untilMs > this.#nowMs
  }

  /** Whether a read changes nothing. */
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
      // What is loaded is no change: it is stored where it was looked for first.
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
