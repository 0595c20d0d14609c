import type { MintringError } from '../errors.ts'
import type { Abilities } from '../net/abilities.ts'
import type { MetaProbe } from '../net/handshake.ts'

/**
 * If the server closed this many connections in a row at the `mn` probe, it is a proxy that does
 * not know meta commands.
 */
const PROVEN_HANG_UPS = 5

interface Waiter {
  resolve(abilities: Abilities): void
  reject(error: MintringError): void
}

/** What a host's handshakes found out about its server, and the callers that wait for it. */
export class ServerFacts {
  /** What the server reported about itself; undefined until a connection opened. */
  abilities: Abilities | undefined
  #metaProbe: MetaProbe = 'ask'
  /** How many consecutive connections ended at the meta probe. */
  #hangUps = 0
  #waiting: Waiter[] = []

  /** Whether and how the next handshake probes for meta commands. */
  get metaProbe(): MetaProbe {
    return this.#metaProbe
  }

  /** Resolves at the next handshake. Rejects when no connection can be opened. */
  wait(): Promise<Abilities> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /** Stores the result of a handshake, and resolves the callers that wait for it. */
  learned(abilities: Abilities): void {
    this.abilities = abilities
    this.#hangUps = 0
    for (const { resolve } of this.#taken()) resolve(abilities)
  }

  /** Rejects the callers that wait for a handshake, because none will succeed soon. */
  unreachable(error: MintringError): void {
    for (const { reject } of this.#taken()) reject(error)
  }

  /**
   * Counts a connection that ended at the probe for meta commands (`mn`). Returns true while this
   * may be the server's reaction to `mn`, and not a failure of the host. An unreliable network
   * looks the same, but not so many times in a row.
   */
  hungUpAtMeta(): boolean {
    if (this.#metaProbe !== 'ask') return false
    if (++this.#hangUps === PROVEN_HANG_UPS) this.#metaProbe = 'hangs up'
    return true
  }

  /** Probes again, because the next connection may reach another server. */
  askAgain(): void {
    this.#metaProbe = 'ask'
  }

  #taken(): Waiter[] {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting
  }
}
