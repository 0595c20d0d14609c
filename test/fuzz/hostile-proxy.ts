import { once } from 'node:events'
import net from 'node:net'
import { memcachedAbilities } from '../support/memcached.ts'
import { Dice } from './dice.ts'
import { type History, Wiretap } from './history.ts'

/**
 * How often the proxy makes each fault, as shares of the pieces of the stream, in either direction.
 * The order of bytes is kept.
 */
export interface Hostility {
  /**
   * The share of pieces that are held for up to `delayMs`. What arrives meanwhile is merged with
   * them.
   */
  readonly delayShare: number
  readonly delayMs: number
  /** The share of pieces that are held for `stallMs`, longer than an attempt may take. */
  readonly stallShare: number
  readonly stallMs: number
  /** The share of pieces that are forwarded in several parts. */
  readonly splitShare: number
  /** The share of pieces of which only a part is forwarded before the connection ends. */
  readonly truncateShare: number
  /** The share of chunks that the proxy drops, with the connection that they came on. */
  readonly resetShare: number
}

export const CALM: Hostility = {
  delayShare: 0,
  delayMs: 0,
  stallShare: 0,
  stallMs: 0,
  splitShare: 0,
  truncateShare: 0,
  resetShare: 0,
}

/** `refused`: connections are reset at once. `hung`: nothing is forwarded in either direction. */
export type ProxyMode = 'open' | 'refused' | 'hung'

/** A proxy between a client and a server of 127.0.0.1. */
export interface HostileProxy {
  readonly port: number
  /** Open connections, now and at most so far. */
  readonly open: number
  /** Error lines that the server sent. */
  readonly errors: readonly string[]
  hostility: Hostility
  mode: ProxyMode
  close(): Promise<void>
}

/** Changes what a server sent, to check that the fuzzer notices it. */
export type Tamper = (bytes: Buffer) => Buffer

/** What a proxy does with the traffic besides its faults. */
interface Watching {
  readonly tamper?: Tamper | undefined
  /** Gets the commands that the proxy forwards, and the server's replies. */
  readonly history?: History
}

/**
 * Starts a proxy before `port`. When the client closes, the proxy drops everything it holds.
 * Commands that it forwarded earlier run before anything that a client sends later, which no
 * network guarantees: without that, a server that waits for a CPU would run an old command after
 * newer ones.
 */
export async function startHostileProxy(
  port: number,
  seed: number,
  { tamper = (bytes) => bytes, history }: Watching = {},
): Promise<HostileProxy> {
  const dice = new Dice(seed)
  // Without meta commands, a server refuses the `mn` with which each connection begins.
  const hasMeta = memcachedAbilities().meta
  const passages = new Set<Passage>()
  const ending = new Set<Passage>()
  const state = {
    hostility: CALM,
    mode: 'open' as ProxyMode,
    get isEnding() {
      return ending.size > 0
    },
    ends(passage: Passage) {
      ending.add(passage)
    },
    ended(passage: Passage) {
      ending.delete(passage)
      if (ending.size === 0 && state.mode !== 'hung') for (const open of passages) open.up.resume()
    },
  }
  const errors: string[] = []
  const server = net.createServer({ noDelay: true }, (near) => {
    near.on('error', () => undefined)
    if (state.mode === 'refused') return void near.resetAndDestroy()
    const far = net.connect({ port, host: '127.0.0.1', noDelay: true })
    const tap = history && new Wiretap(history, `connection ${near.remotePort}`)
    const passage = new Passage(near, far, dice, state, tap)
    passages.add(passage)
    const note = errorCollector(errors, hasMeta ? 0 : 1)
    far.on('data', (bytes: Buffer) => {
      note(bytes)
      tap?.down(bytes)
      passage.down.push(tamper(bytes))
    })
    near.on('close', () => passages.delete(passage))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as net.AddressInfo).port,
    errors,
    get open() {
      return passages.size
    },
    get hostility() {
      return state.hostility
    },
    set hostility(next) {
      state.hostility = next
    },
    get mode() {
      return state.mode
    },
    set mode(next) {
      state.mode = next
      if (next === 'refused') for (const passage of passages) passage.end(true)
      if (next === 'open') for (const passage of passages) passage.resume()
    },
    async close() {
      for (const passage of passages) passage.end(true)
      server.close()
      await once(server, 'close')
    },
  }
}

/** How long to wait until a server has closed a connection after the client's end. */
const CLOSE_MS = 500

interface ProxyState {
  readonly hostility: Hostility
  readonly mode: ProxyMode
  /** Whether the server has yet to read the rest of a connection that ended. */
  readonly isEnding: boolean
  ends(passage: Passage): void
  ended(passage: Passage): void
}

/** One connection through the proxy. */
class Passage {
  readonly up: Pump
  readonly down: Pump
  readonly #near: net.Socket
  readonly #far: net.Socket
  readonly #state: ProxyState
  readonly #tap: Wiretap | undefined

  constructor(near: net.Socket, far: net.Socket, dice: Dice, state: ProxyState, tap?: Wiretap) {
    this.#near = near
    this.#far = far
    this.#state = state
    this.#tap = tap
    const toServer = (bytes: Buffer): void => {
      tap?.up(bytes)
      far.write(bytes)
    }
    const toClient = (bytes: Buffer) => void near.write(bytes)
    const mayPass = () => state.mode !== 'hung'
    const mayRise = () => mayPass() && !state.isEnding
    this.up = new Pump(toServer, dice, state, mayRise, (isReset) => this.end(isReset))
    this.down = new Pump(toClient, dice, state, mayPass, (isReset) => this.end(isReset))
    near.on('data', (bytes: Buffer) => this.up.push(bytes))
    near.on('end', () => this.#drop())
    near.on('close', () => this.#drop())
    far.on('error', () => this.end(true))
    far.on('close', () => {
      this.end(false)
      state.ended(this)
    })
  }

  resume(): void {
    this.up.resume()
    this.down.resume()
  }

  end(isReset: boolean): void {
    this.up.stop()
    this.down.stop()
    if (isReset) this.#near.resetAndDestroy()
    else this.#near.end(() => this.#near.destroy())
    this.#endFar()
  }

  #drop(): void {
    this.up.stop()
    this.down.stop()
    this.#endFar()
  }

  /**
   * Ends the connection to the server. The server first reads everything that was forwarded before,
   * and then closes.
   */
  #endFar(): void {
    if (this.#far.destroyed) return
    this.#tap?.ended('ended')
    this.#state.ends(this)
    this.#far.end()
    // The server may keep its half open: do not wait for it for ever.
    setTimeout(() => this.#far.destroy(), CLOSE_MS).unref()
  }
}

/** One direction of a connection: a queue of bytes with what happens to each. */
class Pump {
  readonly #write: (bytes: Buffer) => void
  readonly #dice: Dice
  readonly #state: ProxyState
  readonly #mayPass: () => boolean
  readonly #end: (isReset: boolean) => void
  #held: Buffer[] = []
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(
    write: (bytes: Buffer) => void,
    dice: Dice,
    state: ProxyState,
    mayPass: () => boolean,
    end: (isReset: boolean) => void,
  ) {
    this.#write = write
    this.#dice = dice
    this.#state = state
    this.#mayPass = mayPass
    this.#end = end
  }

  push(bytes: Buffer): void {
    if (this.#isStopped) return
    this.#held.push(bytes)
    if (this.#timer !== undefined || !this.#mayPass()) return
    const { delayShare, delayMs, stallShare, stallMs } = this.#state.hostility
    const roll = this.#dice.roll()
    if (roll < stallShare) this.#wait(stallMs)
    else if (roll < stallShare + delayShare) this.#wait(this.#dice.roll() * delayMs)
    else this.#forward()
  }

  resume(): void {
    if (this.#timer === undefined && this.#held.length > 0) this.#forward()
  }

  stop(): void {
    this.#isStopped = true
    this.#held = []
    clearTimeout(this.#timer)
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (this.#mayPass()) this.#forward()
    }, ms)
  }

  #forward(): void {
    const bytes = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held)
    this.#held = []
    const { resetShare, truncateShare, splitShare } = this.#state.hostility
    const roll = this.#dice.roll()
    if (roll < resetShare) this.#end(true)
    else if (roll < resetShare + truncateShare) this.#truncate(bytes)
    else if (roll < resetShare + truncateShare + splitShare) this.#split(bytes)
    else this.#write(bytes)
  }

  #truncate(bytes: Buffer): void {
    this.#write(bytes.subarray(0, this.#dice.below(bytes.length)))
    this.#end(this.#dice.roll() < 0.3)
  }

  /** Forwards a first part of a few or many bytes, and the rest an event loop tick later. */
  #split(bytes: Buffer): void {
    const size = 1 + this.#dice.below(this.#dice.roll() < 0.5 ? 40 : bytes.length)
    this.#write(bytes.subarray(0, size))
    if (size >= bytes.length) return
    this.#held.unshift(bytes.subarray(size))
    this.#wait(0)
  }
}

/**
 * Returns a function that adds error lines of a connection to `errors`, except the first
 * `refusals` of them. Values in the fuzzer never contain the word ERROR.
 */
function errorCollector(errors: string[], refusals: number): (bytes: Buffer) => void {
  let left = refusals
  return (bytes) => {
    if (!bytes.includes('ERROR')) return
    const lines = bytes.toString('latin1').match(/^(CLIENT_|SERVER_)?ERROR.*$/gm) ?? []
    for (const line of lines) {
      if (line.trim() !== 'ERROR' || left-- <= 0) errors.push(line.trim())
    }
  }
}
