import { once } from 'node:events'
import net from 'node:net'

/** Commands whose line is followed by a data block, and the index of the word with its length. */
const LENGTH_AT: Readonly<Record<string, number>> = { set: 4, add: 4, replace: 4, cas: 4, ms: 2 }

/** A proxy before one memcached that counts the traffic independently. */
export class CountingProxy {
  readonly #server: net.Server
  readonly #upstreamPort: number
  readonly #sockets = new Set<net.Socket>()
  #port = 0
  /** Commands by verb; a `get` counts once per key. */
  readonly commands = new Map<string, number>()
  /** Bytes of values under the keys of callers. Keys of the client's own items begin with 0xff. */
  storedBytes = 0
  connections = 0
  /** Whether replies are dropped. */
  isSilent = false

  constructor(upstreamPort: number) {
    this.#upstreamPort = upstreamPort
    this.#server = net.createServer((socket) => this.#relay(socket))
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  async open(): Promise<this> {
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as net.AddressInfo).port
    return this
  }

  /** Refuses new connections and resets open ones. */
  async cut(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  /** How many connections of clients are open; each also has one to the memcached. */
  get openConnections(): number {
    return this.#sockets.size / 2
  }

  count(verb: string): number {
    return this.commands.get(verb) ?? 0
  }

  #relay(socket: net.Socket): void {
    this.connections++
    const upstream = net.connect(this.#upstreamPort, '127.0.0.1')
    const take = commandCounter((line) => this.#note(line))
    socket.on('data', (bytes) => {
      take(bytes)
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (!this.isSilent) socket.write(bytes)
    })
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      this.#sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        this.#sockets.delete(one)
        other.destroy()
      })
    }
  }

  #note(line: string): void {
    const words = line.split(' ')
    const verb = words[0]!
    const times = verb === 'get' ? words.length - 1 : 1
    this.commands.set(verb, this.count(verb) + times)
    const lengthAt = LENGTH_AT[verb]
    if (lengthAt === undefined || words[1]!.startsWith('\xff')) return
    this.storedBytes += Number(words[lengthAt])
  }
}

/** Calls back for each command line of a stream, and skips data blocks. */
function commandCounter(onLine: (line: string) => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  let skip = 0
  return (bytes) => {
    rest = Buffer.concat([rest, bytes])
    for (;;) {
      const skipped = Math.min(skip, rest.length)
      rest = rest.subarray(skipped)
      skip -= skipped
      const end = skip > 0 ? -1 : rest.indexOf('\r\n')
      if (end < 0) return
      const line = rest.toString('latin1', 0, end)
      rest = rest.subarray(end + 2)
      onLine(line)
      const words = line.split(' ')
      const lengthAt = LENGTH_AT[words[0]!]
      if (lengthAt !== undefined) skip = Number(words[lengthAt]) + 2
    }
  }
}
