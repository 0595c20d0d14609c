import type { MintringError } from '../errors.ts'
import type { Abilities } from '../net/abilities.ts'
import type { MetaProbe } from '../net/handshake.ts'

/** So many hang-ups at the question for meta commands show a proxy that does not know it. */
const PROVEN_HANG_UPS = 5

interface Waiter {
  resolve(abilities: Abilities): void
  reject(error: MintringError): void
}

/** What the handshakes of a host told of its server, and who waits to hear it. */
export class ServerFacts {
  /** What the server said of itself; undefined until a lane opened. */
  abilities: Abilities | undefined
  #metaProbe: MetaProbe = 'ask'
  /** Connections in a row that ended at the question for meta commands. */
  #hangUps = 0
  #waiting: Waiter[] = []

  /** Whether the next handshake asks for meta commands, and what it does if that fails. */
  get metaProbe(): MetaProbe {
    return this.#metaProbe
  }

  /** Resolves with the next handshake. Rejects when no connection can be made. */
  wait(): Promise<Abilities> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /** A handshake is over. */
  learned(abilities: Abilities): void {
    this.abilities = abilities
    this.#hangUps = 0
    for (const { resolve } of this.#taken()) resolve(abilities)
  }

  /** There will be none soon. */
  unreachable(error: MintringError): void {
    for (const { reject } of this.#taken()) reject(error)
  }

  /**
   * A connection ended at the question for meta commands. Returns whether it was there to find out:
   * then it is no failure of the host. A network that breaks connections looks the same, but not so
   * often in a row.
   */
  hungUpAtMeta(): boolean {
    if (this.#metaProbe !== 'ask') return false
    if (++this.#hangUps === PROVEN_HANG_UPS) this.#metaProbe = 'hangs up'
    return true
  }

  /** The next server to connect to may be another one. */
  askAgain(): void {
    this.#metaProbe = 'ask'
  }

  #taken(): Waiter[] {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting
  }
}
