/**
 * A dial takes several event loop ticks: to resolve the name, to connect, and to read the greeting.
 * In a blocked process these are long, so a dial gets this many ticks beyond its time limit.
 */
const DIAL_TURNS = 8

/** The time that one dial gets beyond its limit, because its process was busy or stopped. */
export class DialTime {
  #turnsLeft = DIAL_TURNS
  #isProlonged = false

  /**
   * Returns when to check the dial again; undefined if its time is over. `blockedMs`: how long the
   * event loop was blocked. The dial gets that time back once, up to `limitMs`.
   */
  more(nowMs: number, blockedMs: number, limitMs: number): number | undefined {
    if (blockedMs > 0 && !this.#isProlonged) {
      this.#isProlonged = true
      return nowMs + Math.min(blockedMs, limitMs)
    }
    return this.#turnsLeft-- > 0 ? nowMs : undefined
  }
}
