import { settledWithin } from '../deadline.ts'
import { MintringError } from '../errors.ts'
import type { Handover } from '../hosts/handover.ts'
import type { Host } from '../hosts/host.ts'
import type { Request } from '../net/request.ts'
import type {
  Dialect,
  Elsewhere,
  EncodedItem,
  KeyHome,
  Place,
  Reader,
  ReadHandle,
  RefillStore,
  StoreAnswer,
  StoreCommand,
} from '../refill/store.ts'
import type { TagChange } from '../tags/desk.ts'
import type { TagHandle, TagReader } from '../tags/look.ts'
import type { ClientCore } from './core.ts'
import { dialectOf } from './dialect.ts'
import { commandRequest } from './refill-commands.ts'
import type { AnswerContext } from './refill-read.ts'
import { type ReadFlags, readRequest } from './refill-read.ts'
import { TagStore } from './tag-store.ts'
import { traceAnswers, traceRead } from './trace-call.ts'
import { BufferBody } from './values/codec.ts'
import { fits } from './verbs/storage.ts'

/** While a key moves, the one of its two hosts that an ordinary read does not ask. */
interface OtherHome {
  readonly host: Host
  readonly isPrevious: boolean
}

/** A host, with a number that changes when the server may have restarted. */
export interface HostPlace extends Place {
  readonly host: Host
  readonly epoch: number
}

/** Sends the commands of refills to the hosts of a client. */
export class ClusterStore implements RefillStore {
  readonly #core: ClientCore
  readonly #context: AnswerContext
  readonly #tags: TagStore
  /** The flags of the last read, reused because the next read usually has the same. */
  #lastFlags: ReadFlags = { vivifySeconds: 0, refreshBelowSeconds: 0 }
  readonly #places = new WeakMap<Host, HostPlace>()
  #learned: Dialect | undefined
  #learning: Promise<Dialect> | undefined

  constructor(core: ClientCore) {
    this.#core = core
    this.#tags = new TagStore(core)
    this.#context = {
      get codec() {
        return core.codec
      },
      placeOf: (host, dialect) => this.#placeOf(host, dialect),
      dialectOf: (host) => this.#dialectOf(host),
    }
  }

  /**
   * The commands that all hosts support; undefined until known. Items that other programs read need
   * meta commands on whatever host they come to.
   */
  get dialect(): Dialect | undefined {
    const { behaviors, cluster } = this.#core
    if (behaviors.protocol !== 'auto') return behaviors.protocol
    // One host without meta commands decides for all, even if it connects late or was downgraded.
    return this.#learned === 'meta' && cluster.handovers.hasClassicHost ? 'classic' : this.#learned
  }

  /**
   * Asks all hosts whether they support meta commands. Unreachable hosts are assumed to be like the
   * others. Rejects when no host replies.
   */
  learnDialect(): Promise<Dialect> {
    this.#learning ??= this.#core.cluster.operations.during(this.#learn()).finally(() => {
      this.#learning = undefined
    })
    return this.#learning
  }

  async #learn(): Promise<Dialect> {
    this.#learned = await dialectOf(this.#core.cluster)
    return this.#learned
  }

  get isStamped(): boolean {
    return this.#core.behaviors.valueFlags !== 'memcached'
  }

  checkKey(key: string): void {
    this.#core.keys.wireKey(key)
  }

  /** Forgets whether the hosts support meta commands, because the servers have changed. */
  forgetDialect(): void {
    this.#learned = undefined
  }

  ready(key: string): Promise<void> | undefined {
    const { keys, cluster, behaviors } = this.#core
    const host = cluster.hostFor(keys.routeKey(key))
    const isKnown = behaviors.protocol !== 'auto' || host?.abilities !== undefined
    if (host === undefined || isKnown) return undefined
    return settledWithin(cluster.policy.requestTimeoutMs, host.ready())
  }

  read(
    key: string,
    vivifySeconds: number,
    refreshBelowSeconds: number,
    reader: Reader,
  ): ReadHandle {
    const { keys, cluster } = this.#core
    const routeKey = keys.routeKey(key)
    const wireKey = cluster.handovers.nameOf(routeKey, keys.wireKey(key))
    const flags = this.#flags(vivifySeconds, refreshBelowSeconds)
    const host = this.#looksAtHost ? cluster.hostFor(routeKey) : undefined
    const dialect = host === undefined ? this.#usualDialect : this.#dialectOf(host)
    const request = readRequest(dialect, flags, routeKey, wireKey, this.#context, reader)
    traceRead(cluster, request)
    request.ordered = true
    if (cluster.speedCheck.mayBypass(host)) request.reject(bypassed(host?.name))
    else cluster.dispatch(request as Request)
    return request
  }

  /** A missed change is sent before the next read of its key, and perhaps after this one. */
  isOvertaken(read: ReadHandle): boolean {
    const { attempt, finalMs, wireKey } = read as Request
    // The reply may have arrived, but the read still asks a fallback host for newer changes.
    if (attempt === undefined) return finalMs > 0
    const { debts } = attempt.router as Host
    if (debts.isEmpty) return false
    return debts.flush !== undefined || debts.find(wireKey, false) !== undefined
  }

  place(key: string, home?: KeyHome): Place | undefined {
    const { cluster, keys } = this.#core
    const routeKey = keys.routeKey(key)
    const host =
      home === undefined
        ? cluster.hostFor(routeKey)
        : home === 'new'
          ? cluster.newHostFor(routeKey)
          : cluster.handover?.previousHostOf(routeKey)
    return host === undefined ? undefined : this.#placeOf(host)
  }

  async exchange(
    place: Place,
    key: string,
    commands: readonly StoreCommand[],
  ): Promise<readonly StoreAnswer[]> {
    const { host, dialect } = place as HostPlace
    if (this.#placeOf(host, dialect) !== place || !host.isConnected) throw over(host)
    const { cluster, keys } = this.#core
    const isPrevious = cluster.handover?.readHomeOf(keys.routeKey(key)) === host
    const requests = this.#requests(key, commands, isPrevious)
    for (const [at, request] of requests.entries()) {
      // Fail instead of resending after a reconnect: a restarted server has forgotten the CAS ids.
      request.ordered = true
      request.binding = commands[at]!.beside === undefined ? 'load' : 'once'
      request.bounds = { timeoutMs: cluster.policy.requestTimeoutMs }
      cluster.dispatchTo(host, request as Request)
    }
    return answersOf(requests)
  }

  async spread(
    key: string,
    commands: readonly StoreCommand[],
    home?: KeyHome,
  ): Promise<readonly StoreAnswer[]> {
    const { cluster, keys } = this.#core
    if (home === 'previous') return this.#spreadToPrevious(key, commands)
    if (home === 'new') await cluster.handover?.clearNew(keys.routeKey(key), keys.wireKey(key))
    const requests = this.#requests(key, commands)
    for (const request of requests) {
      request.ordered = true
      if (home === 'new') cluster.dispatchNew(request as Request)
      else cluster.dispatch(request as Request)
    }
    return answersOf(requests)
  }

  homesOf(key: string): readonly KeyHome[] | undefined {
    const { handover } = this.#core.cluster
    return handover?.isMoving(this.#core.keys.routeKey(key)) === true ? handover.homes : undefined
  }

  elsewhere(
    key: string,
    after: readonly StoreCommand[],
    isAgain: boolean,
  ): Promise<Elsewhere | undefined> | undefined {
    const { keys, cluster } = this.#core
    const { handover } = cluster
    const other = handover?.otherHomeOf(keys.routeKey(key))
    if (other === undefined) return undefined
    const isClassic = this.#dialectOf(other.host) === 'classic'
    const read: StoreCommand = isClassic ? { name: 'gets' } : { name: 'mg', value: true }
    return this.#look(key, [read, ...after], other, handover!, isAgain)
  }

  async #look(
    key: string,
    commands: readonly StoreCommand[],
    { host, isPrevious }: OtherHome,
    handover: Handover,
    isAgain: boolean,
  ): Promise<Elsewhere | undefined> {
    const requests = this.#requests(key, commands, isPrevious)
    for (const request of requests) {
      request.ordered = true
      request.bounds = { timeoutMs: this.#core.cluster.policy.requestTimeoutMs }
      handover.sendTo(host, request as Request)
    }
    const [item, ...beside] = await answersOf(requests)
    if (!isAgain) handover.looked(isPrevious && item!.found)
    return item!.found ? { item: item!, beside, mayKeep: isPrevious } : undefined
  }

  /**
   * Sends commands to the previous host of a moving key. If that host is down, records a missed
   * change instead of failing: the host gets the change before its values are used again.
   */
  async #spreadToPrevious(
    key: string,
    commands: readonly StoreCommand[],
  ): Promise<readonly StoreAnswer[]> {
    const { cluster, keys } = this.#core
    const { handover } = cluster
    const routeKey = keys.routeKey(key)
    const host = handover?.formerHomeOf(routeKey)
    if (host === undefined) return commands.map(() => nowhere)
    const requests = this.#requests(key, commands, true)
    const isServed = handover!.isServed(routeKey, host)
    for (const request of requests) {
      request.ordered = true
      if (isServed) cluster.dispatchBefore(request as Request)
      else handover!.sendTo(host, request as Request)
    }
    const clearing = handover!.clearStandIn(routeKey, keys.wireKey(key), host, false)
    try {
      return (await Promise.all([answersOf(requests), clearing]))[0]
    } catch (error) {
      if (host.usable || handover!.isServed(routeKey, host)) throw error
      cluster.owe(host, requests[0]!.wireKey)
      return commands.map(() => nowhere)
    }
  }

  readTag(name: string, reader: TagReader): TagHandle {
    return this.#tags.read(name, reader)
  }

  changeTag(name: string, change: TagChange): Promise<void> {
    return this.#tags.change(name, change)
  }

  encode(value: unknown): EncodedItem | Promise<EncodedItem> {
    return this.#core.codec.encode(value)
  }

  decode({ body, flags }: EncodedItem): unknown {
    const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : Buffer.from(body)
    return this.#core.codec.decode(flags, new BufferBody(bytes))
  }

  fits(key: string, bodyBytes: number): boolean {
    const core = this.#core
    const host = core.cluster.hostFor(core.keys.routeKey(key))
    const itemSizeMax = host?.abilities?.itemSizeMax ?? core.maxItemBytes
    const lackingBytes = Math.max(0, core.maxItemBytes - itemSizeMax)
    return fits(core, core.keys.wireKey(key), bodyBytes + lackingBytes)
  }

  #flags(vivifySeconds: number, refreshBelowSeconds: number): ReadFlags {
    const last = this.#lastFlags
    const isSame = last.vivifySeconds === vivifySeconds
    if (isSame && last.refreshBelowSeconds === refreshBelowSeconds) return last
    this.#lastFlags = { vivifySeconds, refreshBelowSeconds }
    return this.#lastFlags
  }

  #requests(
    key: string,
    commands: readonly StoreCommand[],
    isPrevious = false,
  ): Request<StoreAnswer>[] {
    const { keys, cluster } = this.#core
    const here = [keys.routeKey(key), keys.wireKey(key)] as const
    const [routeKey, wireKey] = (isPrevious && cluster.handover?.rename(...here)) || here
    return commands.map((command) => commandRequest(command, routeKey, wireKey, this.#context))
  }

  /**
   * Whether a read depends on its host before it is sent: on its commands, or on its speed.
   * Otherwise the host is looked up only once, when the read is dispatched.
   */
  get #looksAtHost(): boolean {
    const { behaviors, cluster } = this.#core
    if (cluster.policy.slowHosts === 'bypass') return true
    return behaviors.protocol === 'auto' && cluster.handovers.hasClassicHost
  }

  get #usualDialect(): Dialect {
    return this.#core.behaviors.protocol === 'classic' ? 'classic' : 'meta'
  }

  /** The commands of refills on a host; meta commands until it has told its abilities. */
  #dialectOf({ abilities }: Host): Dialect {
    const { protocol } = this.#core.behaviors
    if (protocol !== 'auto') return protocol
    return abilities?.meta === false ? 'classic' : 'meta'
  }

  /**
   * Returns the same object until the host may have restarted, or its server has other commands, so
   * that places can be compared.
   */
  #placeOf(host: Host, dialect = this.#dialectOf(host)): HostPlace {
    const known = this.#places.get(host)
    if (known?.epoch === host.epoch && known.dialect === dialect) return known
    const { name, maxTtlSeconds, epoch } = host
    const place: HostPlace = { name, maxTtlSeconds, dialect, host, epoch }
    this.#places.set(host, place)
    return place
  }
}

/** Resolves to the results of all requests. Promise.all handles every rejection, not only one. */
async function answersOf(requests: readonly Request<StoreAnswer>[]): Promise<StoreAnswer[]> {
  return traceAnswers(requests, Promise.all(requests.map(({ promise }) => promise)))
}

/** The result for a key that has no server: the item is missing. */
const nowhere: StoreAnswer = {
  ...{ status: 'missing', found: false, flags: 0, size: 0, ttlSeconds: -1, cas: '' },
  ...{ won: false, lost: false, stale: false, tail: undefined },
  hasDigest: () => false,
  place: () => ({ name: '', maxTtlSeconds: 0, dialect: 'meta' }),
  decode: () => undefined,
  bytes: () => new Uint8Array(),
  keep: () => nowhere,
}

function over(host: Host): MintringError {
  const message = `The connection to ${host.name} was replaced after the lease was taken`
  return new MintringError('MINTRING_CONNECTION', message, { host: host.name })
}

function bypassed(host: string | undefined): MintringError {
  const message = `${host} is slow and was not asked, because slowHosts is 'bypass'`
  return new MintringError('MINTRING_TIMEOUT', message, { host })
}
