import { abilitiesOf, type ServerAbilities } from './abilities.ts'
import { type ServerClock, ServerTime } from './clock.ts'
import { ClusterConfig } from './cluster-config.ts'
import { PrefixTally } from './prefix-tally.ts'
import { Store } from './store.ts'
import { ServerTally } from './tally.ts'
import { Watchers } from './watchers.ts'

/** The settings that a server keeps over restarts. */
export interface EngineSettings {
  readonly clock: ServerClock
  readonly version: string
  readonly maxBytes: number
  readonly maxItemBytes: number
  readonly maxConnections: number
  readonly cas: boolean
  readonly shutdown: boolean
  readonly flush: boolean
  readonly config: boolean
  readonly users: boolean
  readonly tls: boolean
}

/** One connection, as `stats conns` lists it. */
export interface ConnectionRow {
  readonly id: number
  readonly address: string
  readonly listenAddress: string
  readonly lastCommandSecond: number
}

/** The address that a server listens on. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
  readonly path: string | undefined
}

/** The state of one run of a server. A restart creates a new one. */
export class Engine {
  readonly settings: EngineSettings
  readonly abilities: ServerAbilities
  readonly time: ServerTime
  readonly store: Store
  readonly prefixes: PrefixTally = new PrefixTally()
  readonly watchers: Watchers
  readonly cluster: ClusterConfig
  /** Settings that commands can change and `stats settings` shows. */
  verbosity = 0
  lruCrawler = true
  lruSegmented = true
  lruTune: readonly [number, number, number, number] = [20, 40, 0.2, 2]
  temporaryTtl: number | undefined = undefined
  slabAutomove = 1
  slabAutomoveRatio = 0.8
  crawlerSleep = 100
  crawlerToCrawl = 0
  tally: ServerTally = new ServerTally()
  /** Returns the open connections, newest last. */
  connections: () => readonly ConnectionRow[] = () => []
  /** The address that clients connect to. */
  listensAt: ListenAddress = { host: '', port: 0, path: undefined }

  constructor(settings: EngineSettings, cluster: ClusterConfig = new ClusterConfig()) {
    this.settings = settings
    this.abilities = abilitiesOf(settings.version)
    this.time = new ServerTime(settings.clock)
    this.watchers = new Watchers(this.time)
    this.cluster = cluster
    const { maxBytes, cas } = settings
    const { flushByTimeOnly, casPerAttempt } = this.abilities
    const limits = { maxBytes, cas, flushByTimeOnly, casBefore: casPerAttempt ? 1n : 0n }
    this.store = new Store(this.time, limits, this.tally, this.watchers)
  }

  /** Resets all counters, as `stats reset` does. */
  resetTally(): void {
    const fresh = new ServerTally()
    this.tally = fresh
    this.store.tally = fresh
    this.prefixes.clear()
  }

  /** Reads the clock once for all commands that arrived on a connection in one chunk. */
  beginTurn(): void {
    this.store.now = this.time.now()
    this.store.turn++
  }
}
