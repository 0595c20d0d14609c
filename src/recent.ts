import type { Clock, Timer } from './clock.ts'

/**
 * A bounded map that drops unused entries. It has two generations, which rotate every `periodMs`,
 * or sooner when one is full; a read moves its entry to the young one. After two periods without
 * use it is empty and has no timer.
 */
export class Recent<Value> {
  readonly #clock: Clock
  readonly #periodMs: number
  readonly #limit: number
  #young = new Map<string, Value>()
  #old = new Map<string, Value>()
  #timer: Timer | undefined

  constructor(clock: Clock, periodMs: number, limit: number) {
    this.#clock = clock
    this.#periodMs = periodMs
    this.#limit = limit
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(key: string): Value | undefined {
    const young = this.#young.get(key)
    if (young !== undefined || this.#old.size === 0) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, value: Value): void {
    if (this.#old.size > 0) this.#old.delete(key)
    this.#young.set(key, value)
    if (this.#young.size >= this.#limit) this.#turn()
    this.#timer ??= this.#nextPeriod()
  }

  delete(key: string): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }

  clear(): void {
    this.#young.clear()
    this.#old.clear()
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #turn(): void {
    this.#old = this.#young
    this.#young = new Map()
  }

  #onPeriod(): void {
    this.#turn()
    const isEmpty = this.#old.size === 0
    this.#timer = isEmpty ? undefined : this.#nextPeriod()
  }

  #nextPeriod(): Timer {
    return this.#clock.after(this.#periodMs, () => this.#onPeriod(), true)
  }
}
