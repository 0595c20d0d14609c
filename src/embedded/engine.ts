import { abilitiesOf, type ServerAbilities } from './abilities.ts'
import { type ServerClock, ServerTime } from './clock.ts'
import { ClusterConfig } from './cluster-config.ts'
import { PrefixTally } from './prefix-tally.ts'
import { Store } from './store.ts'
import { ServerTally } from './tally.ts'
import { Watchers } from './watchers.ts'

/** What stays the same over restarts of a server. */
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

/** One connection as `stats conns` lists it. */
export interface ConnectionRow {
  readonly id: number
  readonly address: string
  readonly listenAddress: string
  readonly lastCommandSecond: number
}

/** The socket a server listens on. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
  readonly path: string | undefined
}

/** Everything one run of a server knows: a restart begins with a new one. */
export class Engine {
  readonly settings: EngineSettings
  readonly abilities: ServerAbilities
  readonly time: ServerTime
  readonly store: Store
  readonly prefixes: PrefixTally = new PrefixTally()
  readonly watchers: Watchers
  readonly cluster: ClusterConfig
  /** Settings that commands may change and `stats settings` shows. */
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
  /** The open connections, the newest last. */
  connections: () => readonly ConnectionRow[] = () => []
  /** Where clients come in. */
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

  /** Starts every counter again, as `stats reset` does. */
  resetTally(): void {
    const fresh = new ServerTally()
    this.tally = fresh
    this.store.tally = fresh
    this.prefixes.clear()
  }

  /** Begins a turn of some connection: time stands still until the next. */
  beginTurn(): void {
    this.store.now = this.time.now()
    this.store.turn++
  }
}
