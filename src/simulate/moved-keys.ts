import { type FleetPhases, type Phase, phases } from './fleet-phases.ts'

/** A key that moves has two homes. */
type Home = 'previous' | 'next'

/** What a process of a phase does about a key that moves. */
interface Rules {
  /** Where it looks, in this order. */
  readonly reads: readonly Home[]
  /** Whether it copies to its first home what it finds at the second. */
  readonly copies: boolean
  /** Where it stores what it loads or writes. */
  readonly stores: Home
  /** Whether a write removes the value at the other home. */
  readonly removes: boolean
}

const RULES: Readonly<Record<Phase, Rules>> = {
  before: { reads: ['previous'], copies: false, stores: 'previous', removes: false },
  announce: { reads: ['previous', 'next'], copies: false, stores: 'previous', removes: true },
  move: { reads: ['next', 'previous'], copies: true, stores: 'next', removes: true },
  after: { reads: ['next'], copies: false, stores: 'next', removes: false },
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
export class MovedKey {
  readonly #fleet: FleetPhases
  readonly #traffic: KeyTraffic
  readonly #random: () => number
  readonly #tally: MovedKeysTally
  readonly #items: Readonly<Record<Home, Item>>
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
    this.#items = { previous: { untilMs, version: 0 }, next: { untilMs: 0, version: 0 } }
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
    let reader: Phase = 'before'
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
    let nextMs = this.#traffic.durationMs
    for (const { untilMs } of [...Object.values(this.#items), this.#unchanged]) {
      if (untilMs > this.#nowMs && untilMs < nextMs) nextMs = untilMs
    }
    return nextMs
  }

  /** A wait for the next of events that come at random, in units of their mean distance. */
  #wait(): number {
    return -Math.log(1 - this.#random())
  }

  #finds(phase: Phase): Home | undefined {
    return RULES[phase].reads.find((home) => this.#items[home].untilMs > this.#nowMs)
  }

  /** Whether a read changes nothing. */
  #isQuiet(phase: Phase): boolean {
    if (this.#unchanged.untilMs <= this.#nowMs) return false
    const found = this.#finds(phase)
    const { reads, copies } = RULES[phase]
    return found !== undefined && (found === reads[0] || !copies)
  }

  #read(phase: Phase): void {
    if (this.#unchanged.untilMs <= this.#nowMs) {
      this.#tally.load(this.#nowMs, -1)
      this.#store(this.#unchanged)
    }
    const found = this.#finds(phase)
    const { reads, stores, copies } = RULES[phase]
    const first = reads[0]!
    if (found === undefined) {
      this.#tally.load(this.#nowMs, 1)
      this.#store(this.#items[stores])
    } else if (found !== first && copies) {
      this.#tally.copied++
      Object.assign(this.#items[first], this.#items[found])
    }
  }

  #write(phase: Phase): void {
    const { stores, removes } = RULES[phase]
    this.#version++
    if (removes) this.#items[stores === 'next' ? 'previous' : 'next'].untilMs = 0
    this.#store(this.#items[stores])
    this.#store(this.#unchanged)
  }

  #store(item: Item): void {
    item.untilMs = this.#nowMs + this.#traffic.lifeMs
    item.version = this.#version
  }

  #countStale(untilMs: number): void {
    if (this.#version === 0) return
    for (const phase of phases) {
      const found = this.#finds(phase)
      if (found === undefined || this.#items[found].version === this.#version) continue
      const shareMs =
        this.#fleet.shareMsUntil(phase, untilMs) - this.#fleet.shareMsUntil(phase, this.#nowMs)
      this.#tally.staleReads += shareMs * this.#traffic.readsPerMs
    }
  }
}
