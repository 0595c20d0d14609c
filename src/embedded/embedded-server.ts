import { createServer, type Server, type Socket } from 'node:net'
import {
  createServer as createTlsServer,
  type TlsOptions,
  type Server as TlsServer,
} from 'node:tls'
import { badArgument } from '../arguments.ts'
import { MintringError } from '../errors.ts'
import { WORDS } from './checks.ts'
import { Engine, type EngineSettings, type ListenAddress } from './engine.ts'
import { checkFaults, FaultPlan, type Faults } from './faults.ts'
import { Session, type SessionHost } from './session.ts'
import { statsOf } from './stats.ts'

/** Where and how a server listens. */
export interface ListenSettings {
  readonly host: string
  readonly port: number
  readonly path: string | undefined
  readonly tls: TlsOptions | undefined
  readonly users: Readonly<Record<string, string>> | undefined
  readonly faults: Faults | undefined
}

const TOO_MANY = 'ERROR Too many open connections\r\n'
/** How often to try to listen: the port of a server that was just closed may not be free yet. */
const LISTEN_TRIES = 20
const LISTEN_RETRY_MS = 25

type State = 'up' | 'paused' | 'killed' | 'closed'

/**
 * An in-process memcached. Start it with startServer(). It replies as the memcached of its version
 * does. It can be paused, killed and restarted like a process, and can simulate many faults.
 */
export class EmbeddedServer {
  readonly #listening: ListenSettings
  readonly #settings: EngineSettings
  readonly #plan: FaultPlan
  readonly #raw = new Set<Socket>()
  readonly #sessions = new Set<Session>()
  readonly #waiting: Socket[] = []
  #engine: Engine
  #listener: Server | undefined = undefined
  #tlsServer: TlsServer | undefined = undefined
  #port: number
  #state: State = 'up'
  #nextId = 1
  #lastStep: Promise<void> = Promise.resolve()

  constructor(settings: EngineSettings, listening: ListenSettings) {
    this.#settings = settings
    this.#listening = listening
    this.#port = listening.port
    this.#plan = new FaultPlan(listening.faults)
    this.#engine = this.#freshEngine()
    if (listening.tls !== undefined) this.#tlsServer = this.#secureServer(listening.tls)
  }

  /** The TCP port; 0 for a unix socket. kill() and restart() keep it. */
  get port(): number {
    return this.#port
  }

  /** The address that it listens on. */
  get host(): string {
    return this.#listening.host
  }

  /** The entry for a client's server list: `127.0.0.1:11211`, `[::1]:11211` or `unix:/path`. */
  get address(): string {
    const { host, path } = this.#listening
    if (path !== undefined) return `unix:${path}`
    return host.includes(':') ? `[${host}]:${this.#port}` : `${host}:${this.#port}`
  }

  /** The number of open connections. */
  get connections(): number {
    return this.#raw.size
  }

  /** The number of items, including expired ones that were not read since. */
  get items(): number {
    return this.#engine.store.count
  }

  /** Returns the rows of `stats`, or of one of its sections (`settings`, `items`, `slabs`, …). */
  stats(section: string = ''): Record<string, string> {
    this.#engine.beginTurn()
    return Object.fromEntries(statsOf(this.#engine, section) ?? [])
  }

  /** Publishes `nodes` (`host:port` or `host|ip|port`) to `config get cluster` as a new version. */
  setCluster(nodes: readonly string[]): void {
    if (!WORDS[1](nodes)) throw badArgument(`setCluster() takes ${WORDS[0]}`)
    this.#engine.cluster.announce(nodes)
  }

  /** Hangs like a stopped process: accepts connections, but reads and replies nothing. */
  pause(): void {
    if (this.#state !== 'up') return
    this.#state = 'paused'
    for (const session of this.#sessions) session.pause()
  }

  /** Continues after pause(), and executes the commands that arrived meanwhile. */
  resume(): void {
    if (this.#state !== 'paused') return
    this.#state = 'up'
    for (const session of this.#sessions) session.resume()
    for (const socket of this.#waiting.splice(0)) {
      this.#welcome(socket)
      socket.resume()
    }
  }

  /** Dies like a killed process: resets all connections and refuses new ones. */
  kill(): Promise<void> {
    return this.#inOrder(() => this.#die())
  }

  /**
   * Restarts on the same port with an empty cache and CAS ids from 1. Kills a running server first.
   */
  restart(): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#state === 'closed') {
        throw new MintringError('MINTRING_CLOSED', 'the server is closed')
      }
      await this.#die()
      this.#engine = this.#freshEngine(this.#engine.cluster)
      this.#state = 'up'
      if (!this.#plan.refuses) await this.#listen()
    })
  }

  /** Simulates `faults` from now on, in place of earlier ones. */
  async inject(faults: Faults): Promise<void> {
    checkFaults(faults)
    this.#plan.set(faults)
    await this.#inOrder(() => this.#followRefusal())
  }

  /** Removes all faults. Connections that `blackHole` has cut off stay cut off. */
  async heal(): Promise<void> {
    this.#plan.set(undefined)
    await this.#inOrder(() => this.#followRefusal())
  }

  /** Closes all connections and stops listening. May be called twice. */
  close(): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#state === 'closed') return
      this.#state = 'closed'
      await this.#stopListening((socket) => socket.destroy())
    })
  }

  /** Closes the server at the end of a block: `await using server = await startServer()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Starts listening. startServer() calls this. */
  async open(): Promise<void> {
    if (!this.#plan.refuses) return this.#listen()
    // Listens even if connections are refused, to choose the port.
    await this.#listen()
    await this.#followRefusal()
  }

  /** Runs steps one after another, so that a restart does not overlap with a close. */
  #inOrder(step: () => Promise<void>): Promise<void> {
    const done = this.#lastStep.then(step)
    this.#lastStep = done.catch(() => {})
    return done
  }

  async #die(): Promise<void> {
    if (this.#state === 'closed' || this.#state === 'killed') return
    this.#state = 'killed'
    await this.#stopListening(resetSocket)
  }

  #freshEngine(cluster?: Engine['cluster']): Engine {
    const engine = new Engine(this.#settings, cluster)
    engine.connections = () => [...this.#sessions].map((session) => session.row())
    engine.listensAt = this.#listensAt()
    return engine
  }

  #listensAt(): ListenAddress {
    const { host, path } = this.#listening
    return { host, port: this.#port, path }
  }

  async #listen(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#listenOnce()
        return
      } catch (error) {
        const busy = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
        if (!busy || this.#listening.port === this.#port || tries === LISTEN_TRIES) {
          const message = `cannot listen on ${this.address}`
          throw new MintringError('MINTRING_CONNECTION', message, { cause: error })
        }
        await new Promise((resolve) => setTimeout(resolve, LISTEN_RETRY_MS))
      }
    }
  }

  async #listenOnce(): Promise<void> {
    const listener = createServer({ noDelay: true }, (socket) => this.#onConnection(socket))
    const { host, path } = this.#listening
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject)
      listener.listen(path === undefined ? { host, port: this.#port } : { path }, () => {
        listener.off('error', reject)
        resolve()
      })
    })
    this.#listener = listener
    const bound = listener.address()
    if (typeof bound === 'object' && bound !== null) this.#port = bound.port
    this.#engine.listensAt = this.#listensAt()
  }

  #secureServer(options: TlsOptions): TlsServer {
    const server = createTlsServer(options, (socket) => {
      const raw = [...this.#raw].find((one) => one.remotePort === socket.remotePort)
      this.#begin(socket, raw ?? socket)
    })
    server.on('tlsClientError', (_error, socket) => {
      this.#engine.tally.tlsErrors++
      socket.destroy()
    })
    return server
  }

  #onConnection(socket: Socket): void {
    const { tally, settings } = this.#engine
    socket.on('error', () => {})
    if (this.#raw.size >= settings.maxConnections) {
      tally.rejectedConnections++
      socket.end(TOO_MANY)
      return
    }
    tally.totalConnections++
    this.#raw.add(socket)
    socket.once('close', () => this.#raw.delete(socket))
    if (this.#state === 'paused') this.#waiting.push(socket.pause())
    else this.#welcome(socket)
  }

  #welcome(socket: Socket): void {
    if (socket.destroyed) return
    if (this.#tlsServer !== undefined) this.#tlsServer.emit('connection', socket)
    else this.#begin(socket, socket)
  }

  #begin(socket: Socket, raw: Socket): void {
    const host: SessionHost = {
      engine: this.#engine,
      plan: this.#plan,
      users: this.#listening.users,
      address: this.address,
      shutDown: () => void this.close(),
      forget: (session) => this.#sessions.delete(session),
    }
    const session = new Session(this.#nextId++, socket, host, () => resetSocket(raw))
    this.#sessions.add(session)
    if (this.#state === 'paused') session.pause()
  }

  async #stopListening(drop: (socket: Socket) => void): Promise<void> {
    const closed = this.#closeListener()
    this.#waiting.length = 0
    for (const socket of this.#raw) drop(socket)
    await closed
  }

  async #closeListener(): Promise<void> {
    const listener = this.#listener
    this.#listener = undefined
    if (listener === undefined) return
    // close() calls back only after the last connection has ended, but frees the port at once.
    listener.close()
    await new Promise((resolve) => setImmediate(resolve))
  }

  async #followRefusal(): Promise<void> {
    const alive = this.#state === 'up' || this.#state === 'paused'
    if (!alive) return
    if (this.#plan.refuses) await this.#closeListener()
    else if (this.#listener === undefined) await this.#listen()
  }
}

function resetSocket(socket: Socket): void {
  // Only TCP has resets; a unix socket can only be closed.
  if (socket.remotePort === undefined) socket.destroy()
  else socket.resetAndDestroy()
}
