import { once } from 'node:events'
import net from 'node:net'

/**
 * What happens to a connection when a certain command passes. `lost`: the command does not arrive.
 * `unanswered`: it runs, and its reply is lost. `torn`: half of the reply arrives. `half`: the
 * first half of the reply's lines arrive. `answered`: the reply arrives, and then the connection
 * ends.
 */
export type Death = 'lost' | 'unanswered' | 'torn' | 'half' | 'answered'

/** Long enough for the whole reply to one write to arrive. */
const REPLY_MS = 15

/** A fault that waits for a command. */
interface Trap {
  readonly marker: string
  readonly death: Death | { readonly delayMs: number }
  left: number
}

/** A proxy to a server of 127.0.0.1 that can break one command. */
export class Gate {
  /** The port it leads to; changed when a server is replaced. */
  target: number
  /** Whether connections are reset at once. */
  isShut = false
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()
  #trap: Trap | undefined

  constructor(target: number) {
    this.target = target
    this.#server = net.createServer({ noDelay: true }, (near) => this.#connect(near))
  }

  async open(port = 0): Promise<this> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port
  }

  /** How many connections clients have open. */
  get connections(): number {
    return this.#sockets.size
  }

  /** Whether the planned fault has happened as often as planned. */
  get hasSprung(): boolean {
    return this.#trap === undefined || this.#trap.left === 0
  }

  /**
   * Plans a fault: the next `times` writes that contain `marker` meet it. `death` says how their
   * connections end, or that they wait.
   */
  set(marker: string, death: Trap['death'], times = 1): void {
    this.#trap = { marker, death, left: times }
  }

  resetAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  shut(): void {
    this.isShut = true
    this.resetAll()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #connect(near: net.Socket): void {
    near.on('error', () => undefined)
    if (this.isShut) {
      near.resetAndDestroy()
      return
    }
    this.#sockets.add(near)
    const far = net.connect({ port: this.target, host: '127.0.0.1', noDelay: true })
    far.on('error', () => near.resetAndDestroy())
    far.on('close', () => near.end())
    // Bytes that the proxy holds are dropped when the client's connection ends.
    near.on('close', () => {
      this.#sockets.delete(near)
      far.destroy()
    })
    new Passage(near, far, (bytes) => this.#trapFor(bytes))
  }

  #trapFor(bytes: Buffer): Trap['death'] | undefined {
    const trap = this.#trap
    if (trap === undefined || trap.left === 0 || !bytes.includes(trap.marker)) return undefined
    trap.left--
    return trap.death
  }
}

/** One connection through the proxy. */
class Passage {
  readonly #near: net.Socket
  readonly #far: net.Socket
  /** What the server has replied since the fault began; undefined before. */
  #held: Buffer[] | undefined

  constructor(
    near: net.Socket,
    far: net.Socket,
    trapFor: (bytes: Buffer) => Trap['death'] | undefined,
  ) {
    this.#near = near
    this.#far = far
    near.on('data', (bytes: Buffer) => {
      const death = this.#held === undefined ? trapFor(bytes) : undefined
      if (death === 'lost') near.resetAndDestroy()
      else if (!far.destroyed) far.write(bytes)
      if (death !== undefined && death !== 'lost') this.#spring(death)
    })
    far.on('data', (bytes: Buffer) => {
      if (this.#held === undefined) near.write(bytes)
      else this.#held.push(bytes)
    })
  }

  #spring(death: Trap['death']): void {
    this.#held = []
    const ms = typeof death === 'object' ? death.delayMs : REPLY_MS
    setTimeout(() => {
      const bytes = Buffer.concat(this.#held ?? [])
      this.#held = undefined
      if (this.#near.destroyed) return
      if (typeof death === 'object') this.#near.write(bytes)
      else this.#die(bytes, death)
    }, ms).unref()
  }

  #die(bytes: Buffer, death: Death): void {
    this.#far.destroy()
    if (death === 'unanswered') this.#near.resetAndDestroy()
    else this.#near.end(bytes.subarray(0, lengthOf(bytes, death)))
  }
}

/** How many bytes of a reply are forwarded, by the way in which the connection ends. */
function lengthOf(bytes: Buffer, death: Death): number {
  if (death === 'answered') return bytes.length
  const half = bytes.length >> 1
  if (death === 'torn') return Math.max(1, half)
  const lineEnd = bytes.indexOf('\n', half)
  return lineEnd < 0 ? half : lineEnd + 1
}
