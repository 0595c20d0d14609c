import { setTimeout as sleep } from 'node:timers/promises'
import { type EmbeddedServer, startServer } from '../../src/embedded/index.ts'
import { type BehaviorsInput, MemcachedClient } from '../../src/index.ts'
import { CERTIFICATE, KEY } from '../embedded/certificate.ts'
import type { LoopClock } from '../fuzz/loop-clock.ts'
import { Gate } from './gate.ts'

/** The timeout of one attempt, and twice that for a whole call. */
export const ATTEMPT_MS = 150
export const CALL_MS = 2 * ATTEMPT_MS
/**
 * How long a test case (one verb under one event) waits for its hosts to reach the required state.
 */
const PATIENCE_MS = 4_000
const BATCH = 8

/** The client's settings: short times, so that every event happens soon. */
const QUICK: BehaviorsInput = {
  requestTimeoutMs: ATTEMPT_MS,
  connectTimeoutMs: ATTEMPT_MS,
  retryTimeoutMs: ATTEMPT_MS,
  // With this setting, one host meets the same events as three. Only the variant `lone` has a
  // single host that is not ejected.
  ejectLoneHost: true,
  // No handovers, except in the variant `handover`.
  handover: 0,
  retries: 1,
  serverFailureLimit: 2,
  connections: { min: 1, max: 2, idleMs: 60_000 },
  maxItemBytes: 2_048,
  largeValues: 'split',
  compressAboveBytes: 1_000,
}

/** A server of a test case: in this process, or a real memcached. */
export interface CellServer {
  readonly port: number
  pause(): void
  resume(): void
  restart(): Promise<void>
  kill(): Promise<void>
  close(): Promise<void>
}

/** How the servers and the client of a test case are made. */
export interface Variant {
  readonly behaviors: BehaviorsInput
  /** Verbs that these servers do not support, so that no test case calls them. */
  readonly unsupported?: readonly string[]
  start(): Promise<CellServer>
}

/** Servers in this process, and a client without handovers. */
export const USUAL: Variant = { behaviors: {}, start: () => startServer() }

/**
 * One test case: servers behind proxies that can fail, a client of them, and the keys that one call
 * and one event need.
 */
export class Cell {
  readonly servers: CellServer[]
  readonly gates: readonly Gate[]
  readonly client: MemcachedClient
  /** Keys that live on the first host. */
  readonly key: string
  readonly keys: readonly string[]
  /** Keys of the first host that other callers use. */
  readonly others: { readonly read: string; readonly write: string; readonly count: string }
  readonly clock: LoopClock
  /** The CAS id of the key, for the verb that needs one. */
  token = 0n
  /** Broken rules that were noticed during the event. */
  readonly faults: string[] = []
  readonly #gutter: EmbeddedServer | undefined
  #spare: EmbeddedServer | undefined
  #isClosed = false
  #reader: MemcachedClient | undefined

  private constructor(
    servers: CellServer[],
    gates: Gate[],
    behaviors: BehaviorsInput,
    clock: LoopClock,
    gutter: EmbeddedServer | undefined,
  ) {
    this.servers = servers
    this.gates = gates
    this.clock = clock
    this.#gutter = gutter
    this.client = new MemcachedClient(this.places, { ...QUICK, ...behaviors })
    const keys = this.#homeKeys(BATCH + 4)
    this.key = keys[0]!
    this.keys = keys.slice(0, BATCH)
    const [read, write, count] = keys.slice(BATCH) as [string, string, string]
    this.others = { read, write, count }
  }

  static async open(
    hosts: number,
    behaviors: BehaviorsInput,
    clock: LoopClock,
    gutter: EmbeddedServer | undefined,
    variant: Variant,
  ): Promise<Cell> {
    const servers = await Promise.all(Array.from({ length: hosts }, () => variant.start()))
    const gates = await Promise.all(servers.map(({ port }) => new Gate(port).open()))
    return new Cell(servers, gates, { ...variant.behaviors, ...behaviors }, clock, gutter)
  }

  /**
   * The client that reads the final content: a new one if the event closed the client of the test
   * case.
   */
  get reader(): MemcachedClient {
    return this.#reader ?? this.client
  }

  replaceReader(): void {
    this.#reader = new MemcachedClient(this.places, QUICK)
  }

  get isAlone(): boolean {
    return this.gates.length === 1
  }

  /** The server list of the client. */
  get places(): string[] {
    return this.gates.map(({ port }) => `127.0.0.1:${port}`)
  }

  /** The host of all keys of this test case, to which the event happens. */
  get home(): Gate {
    return this.gates[0]!
  }

  get homeServer(): CellServer {
    return this.servers[0]!
  }

  get homeState(): string | undefined {
    const name = this.places[0]!
    return this.client.hosts().find((host) => host.name === name)?.state
  }

  fault(law: string, what: string): void {
    this.faults.push(`${law}: ${what}`)
  }

  /** Sends reads to the host `home` until the client reports that state of it. */
  async provoke(state: string): Promise<void> {
    await this.until(() => {
      if (this.homeState !== state) this.client.get(this.others.read).catch(() => undefined)
      return this.homeState === state
    }, `home is ${state}`)
  }

  async until(isSo: () => boolean, what: string): Promise<void> {
    const endMs = this.clock.freeMs + PATIENCE_MS
    while (!isSo()) {
      if (this.clock.freeMs > endMs) {
        this.fault('settles in time', `after ${PATIENCE_MS} ms it was not so that ${what}`)
        return
      }
      await sleep(4)
    }
  }

  /** Replaces the server of the host `home` by another one at the same address. */
  async replaceHome(options: Parameters<typeof startServer>[0]): Promise<void> {
    const old = this.homeServer
    this.servers[0] = await startServer(options)
    this.home.target = this.servers[0].port
    await old.kill()
    await old.close()
    this.home.resetAll()
  }

  /** A host that is in no list yet. */
  async spare(): Promise<string> {
    this.#spare = await startServer()
    return this.#spare.address
  }

  /** No item on the gutter may have a longer ttl than the gutter's `ttl`. */
  async checkGutter(ttlSeconds: number): Promise<void> {
    const gutter = new MemcachedClient(this.#gutter!.address)
    const latest = Date.now() / 1_000 + ttlSeconds + 1
    for await (const { key, expiresAt } of gutter.metadump()) {
      if (expiresAt >= 0 && expiresAt <= latest) continue
      const left = expiresAt < 0 ? 'for ever' : `${Math.round(expiresAt - latest + 1)} s too long`
      this.fault('nothing is left behind', `${key} lives on the gutter ${left}`)
    }
    await gutter.close()
  }

  /** Switches every host, and the client, to TLS. */
  async turnToTls(): Promise<void> {
    const tls = { key: KEY, cert: CERTIFICATE }
    for (const [index, old] of [...this.servers.entries()]) {
      this.servers[index] = await startServer({ tls })
      this.gates[index]!.target = this.servers[index].port
      await old.close()
    }
    this.client.configure({ tls: { ca: CERTIFICATE, servername: 'localhost' } })
    for (const gate of this.gates) gate.resetAll()
  }

  /** Closes clients and servers. It is a fault if the client leaves a connection or a timer. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.client.close({ drainMs: 0 })
    await this.#reader?.close({ drainMs: 0 })
    const open = (): number => this.gates.reduce((sum, gate) => sum + gate.connections, 0)
    const endMs = this.clock.freeMs + CALL_MS
    while (open() > 0 && this.clock.freeMs < endMs) await sleep(4)
    if (open() > 0) this.fault('nothing is left behind', `${open()} connections after close()`)
    await Promise.all(this.gates.map((gate) => gate.close()))
    const servers = [...this.servers, this.#gutter, this.#spare]
    await Promise.all(servers.map((server) => server?.close()))
  }

  #homeKeys(count: number): string[] {
    const home = this.places[0]
    const found: string[] = []
    for (let index = 0; found.length < count; index++) {
      const key = `key:${String(index).padStart(4, '0')}`
      if (this.client.locate(key).server === home) found.push(key)
    }
    return found
  }
}
