import { settledWithin } from '../deadline.ts'
import { MintringError } from '../errors.ts'
import type { Lane } from '../net/lane.ts'
import { Request, type Verb } from '../net/request.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { decrHead, incrHead, touchHead } from '../protocol/request.ts'
import { clearInterval, performance, setInterval } from '../runtime.ts'
import { FirstDial } from './first-dial.ts'
import type { Host } from './host.ts'
import { done, getsVerb, hostItemKey, itemVerb, textVerb } from './item-commands.ts'
import type { ClusterPolicy } from './policy.ts'

/** How often counters are brought up to date, and those above 0 read again. */
const COUNT_MS = 10_000
/** The shortest time after which a host's first requests wait for two other hosts, not for one. */
const PATIENCE_MS = 20
/** How many times as long as a host's own dial they wait for one. */
const PATIENCE = 2
/** The share of requestTimeoutMs for which they wait at most, for hosts that do not reply. */
const WITNESS_SHARE = 0.5
/** An item that a fallback host has while any of its counters may be above 0. */
const ANY_KEY = '\xff~mintring~owed~any'

const GETS: Verb = getsVerb((reply) => Number.parseInt(reply.valueString(), 10) || 0)
const INCR: Verb = countVerb('incr', incrHead)
const DECR: Verb = countVerb('decr', decrHead)
const TOUCH: Verb = itemVerb(
  'touch',
  'touch',
  ({ wireKey, args }) => touchHead(wireKey, args as number),
  done,
)

/** The parts of the cluster that counters use. */
export interface CountOwner {
  /** The hosts that keys have as home. */
  readonly homes: readonly Host[]
  readonly policy: ClusterPolicy
  /** Whether other hosts serve the keys of a host that is out. */
  readonly mayRehash: boolean
}

/** Sends a request of the account to one host, with a short timeout. */
type Ask = <Result>(request: Request<Result>, host: Host) => Promise<Result>

/** What a fallback host said about other hosts. */
interface Answer {
  /** The hosts that missed changes. */
  readonly behind: Set<Host>
  /** The first answer; undefined once it is there. */
  pending: Promise<void> | undefined
  /** When the host last did not reply. */
  silentMs: number
}

/** Changes that this process made on a fallback host while a key's own host was out. */
interface Own {
  readonly home: Host
  readonly standIn: Host
  /** The first keys: a key is counted once as long as there are few. */
  readonly counted: Set<string>
  keys: number
  /** How many of the keys the counter contains, and the epoch of the fallback host then. */
  told: number
  epoch: number
  toldMs: number
  started: Promise<boolean> | undefined
  flagged: Promise<boolean> | undefined
}

/**
 * Counters of the keys that a host missed: items on its fallback hosts, which all processes share.
 * Each process adds the keys that it changes there, and subtracts them once the key's own host has
 * been told. So a counter above 0 says that a process still owes the host something, or that it
 * ended before it could tell the host. A process that starts asks each fallback host once, before
 * its first request to a host that this one stands in for.
 */
export class MissedCounts {
  readonly #owner: CountOwner
  readonly #ask: Ask
  /** Called when a host was out, according to this fallback host, or that may be. */
  readonly #onAway: (home: Host, standIn: Host) => void
  readonly #answers = new Map<Host, Answer>()
  readonly #own = new Map<string, Own>()
  /** Whether a host may have missed changes that this process does not know. */
  #isAsking = false
  /** The hosts that are being dialled. */
  readonly #dials = new Map<Host, FirstDial | undefined>()
  /** Connections whose requests wait for a second host. */
  readonly #held = new Map<Lane, FirstDial>()
  /** When the last handshake ended. */
  #greetedMs = Number.POSITIVE_INFINITY
  /** Hosts to which all connections were lost, until the next one is open. */
  readonly #lost = new Set<Host>()
  /** The list of hosts all of which have said that no host missed anything. */
  #clearFor: readonly Host[] | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(owner: CountOwner, ask: Ask, onAway: (home: Host, standIn: Host) => void = () => {}) {
    this.#owner = owner
    this.#ask = ask
    this.#onAway = onAway
  }

  /** Whether there is nothing to ask: no host missed a change. On the hot path. */
  get isClear(): boolean {
    const { homes: hosts } = this.#owner
    if (!this.#isAsking) return true
    return hosts === this.#clearFor || hosts.length < 2 || !this.#isOn
  }

  /**
   * Called before a host is dialled. The first ones need a second host: the handshake of each host
   * finds out whether others missed changes, and so does not say it of itself.
   */
  dialled(home: Host): string | undefined {
    const { homes: hosts } = this.#owner
    if (!this.#isOn || hosts.length < 2) return undefined
    const dial = this.#dials.get(home) ?? this.#firstDial(home)
    if (dial !== undefined) dial.startMs = performance.now()
    this.#dials.set(home, dial)
    return ANY_KEY
  }

  /** Whether another host has said that it has no counters. */
  #isWitnessed(home: Host): boolean {
    return this.#owner.homes.some((host) => host !== home && host.abilities !== undefined)
  }

  #firstDial(home: Host): FirstDial | undefined {
    const held = this.#heldOf(home)
    if (held !== undefined || this.#isWitnessed(home)) return held
    const others = this.#owner.homes.filter((host) => host !== home)
    // Prefer one that is being dialled anyway.
    others.sort((one, other) => +this.#dials.has(other) - +this.#dials.has(one))
    const dial = new FirstDial(home, others)
    void dial.search()
    return dial
  }

  #heldOf(home: Host): FirstDial | undefined {
    return [...this.#held.values()].find((dial) => dial.home === home)
  }

  /** Called before the handshake with a host that has no other connection. */
  reconnecting(home: Host): void {
    // While a process starts, the handshakes of other hosts say enough.
    const isStarting = home.epoch === 0 && performance.now() - this.#greetedMs < COUNT_MS
    if (this.#isOn && this.#owner.homes.length > 1 && !isStarting) this.#lost.add(home)
  }

  /**
   * Called when a connection opened. If the host has counters, or may have been restarted, the
   * requests that were not sent yet are given back, because each must be checked first. Otherwise
   * they wait for a second host.
   */
  greeted(home: Host, lane: Lane, isFlagged: boolean): void {
    const dial = this.#dials.get(home) ?? this.#heldOf(home)
    this.#dials.delete(home)
    this.#greetedMs = performance.now()
    // If `missedTtl` is set later, this connection has not looked.
    if (!this.#isOn) this.#isAsking = true
    const error = new MintringError('MINTRING_CONNECTION', 'Must first ask what hosts missed')
    const wasLost = this.#lost.delete(home)
    if (isFlagged && !this.#isAsking) {
      this.#isAsking = true
      for (const one of [lane, ...this.#held.keys()]) one.giveBack(error, true)
      const dialled = this.#owner.homes.filter((host) => this.#dials.has(host))
      for (const host of dialled) host.giveBack(error)
    } else if (wasLost) {
      this.forget()
      lane.giveBack(error, true)
    }
    for (const held of this.#held.values()) if (held.home !== home) held.end()
    const isUnsure = dial?.isOver === false && !this.#isAsking && !this.#isWitnessed(home)
    if (isUnsure) void this.#hold(lane, dial)
  }

  /** Holds the requests of a connection until another host has replied, or all have failed. */
  async #hold(lane: Lane, dial: FirstDial): Promise<void> {
    const tookMs = performance.now() - dial.startMs
    const limitMs = this.#owner.policy.requestTimeoutMs * WITNESS_SHARE
    const patienceMs = Math.min(limitMs, Math.max(PATIENCE_MS, PATIENCE * tookMs))
    lane.isOnHold = true
    this.#held.set(lane, dial)
    await settledWithin(patienceMs, dial.over)
    if (!dial.isOver) void dial.search()
    await settledWithin(limitMs - patienceMs, dial.over)
    this.#held.delete(lane)
    lane.isOnHold = false
    lane.onDrain()
  }

  get #isOn(): boolean {
    const { mayRehash, policy } = this.#owner
    return mayRehash && policy.missedTtl > 0
  }

  /** Returns a promise to await while it is unknown which hosts missed changes. */
  ask(standIn: Host): Promise<void> | undefined {
    if (this.isClear) return undefined
    const known = this.#answers.get(standIn)
    // A host that did not reply is asked again when it replies to other requests.
    if (known !== undefined && known.silentMs < 0) return known.pending
    if (known !== undefined && known.silentMs >= standIn.answeredMs) return undefined
    const answer: Answer = { behind: new Set(), pending: undefined, silentMs: -1 }
    this.#answers.set(standIn, answer)
    answer.pending = this.#read(standIn, answer)
    return answer.pending
  }

  /** Whether a host missed changes that were made on this fallback host. */
  isBehind(home: Host, standIn: Host): boolean {
    return this.#answers.get(standIn)?.behind.has(home) === true
  }

  /** Forgets all answers: a host has returned, and others may have made changes meanwhile. */
  forget(): void {
    this.#answers.clear()
    this.#clearFor = undefined
    this.#isAsking = true
  }

  /** Counts a key that `home` missed. Returns a promise to await before the change is made. */
  add(home: Host, standIn: Host, wireKey: string): Promise<boolean> | undefined {
    if (!this.#isOn) return undefined
    const own = this.#ownOf(home, standIn)
    if (!own.counted.has(wireKey)) own.keys++
    if (own.counted.size < this.#owner.policy.maxOwedKeys) own.counted.add(wireKey)
    own.started ??= this.#tell(own)
    this.#start()
    return own.started
  }

  /**
   * Tells processes that start in the next `missedTtl` that `home` is out and `standIn` has its
   * keys. Resolves to whether it could.
   */
  flag(home: Host, standIn: Host, isAgain = false): Promise<boolean> | undefined {
    if (!this.#isOn) return undefined
    const own = this.#ownOf(home, standIn)
    own.flagged = isAgain ? this.#tell(own) : (own.flagged ?? own.started ?? this.#tell(own))
    this.#start()
    return own.flagged
  }

  #ownOf(home: Host, standIn: Host): Own {
    const name = pairName(home, standIn)
    const known = this.#own.get(name)
    if (known !== undefined) return known
    const counts = { keys: 0, told: 0, epoch: 0, toldMs: 0, started: undefined, flagged: undefined }
    const own: Own = { home, standIn, counted: new Set(), ...counts }
    this.#own.set(name, own)
    return own
  }

  close(): void {
    for (const dial of this.#held.values()) dial.end()
    this.#rest()
  }

  #rest(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #read(standIn: Host, answer: Answer): Promise<void> {
    // Requests that are being given back come first: they would take this one with them.
    await undefined
    const others = this.#owner.homes.filter((host) => host !== standIn)
    const names = others.map(({ name }) => name)
    const counts = await countsOf(names, (request) => this.#ask(request, standIn)).catch(() => {})
    if (counts !== undefined) this.#learn(standIn, answer, others, counts)
    else {
      // What is not known may not be believed: each key is checked, or deleted at home.
      for (const home of others) {
        answer.behind.add(home)
        this.#onAway(home, standIn)
      }
      answer.silentMs = performance.now()
    }
    answer.pending = undefined
    if (answer.behind.size > 0) this.#start()
    const { homes: hosts } = this.#owner
    const isClear = hosts.every((host) => {
      const known = this.#answers.get(host)
      return known?.pending === undefined && known?.behind.size === 0 && known.silentMs < 0
    })
    this.#clearFor = isClear ? hosts : undefined
  }

  #learn(standIn: Host, answer: Answer, others: readonly Host[], counts: Counts): void {
    answer.behind.clear()
    answer.silentMs = -1
    others.forEach((home, i) => {
      // The account of this process knows its own changes.
      const count = counts[i]
      if (count === undefined) return
      if (count > this.#toldOf(home, standIn)) answer.behind.add(home)
      this.#onAway(home, standIn)
    })
  }

  /** How much of a counter are keys of this process. */
  #toldOf(home: Host, standIn: Host): number {
    const own = this.#own.get(pairName(home, standIn))
    return own?.epoch === standIn.epoch ? own.told : 0
  }

  #start(): void {
    this.#timer ??= setInterval(() => this.update(), COUNT_MS).unref()
  }

  /** Brings the counters up to date, and reads those above 0 again. */
  update(): void {
    for (const [name, own] of this.#own) {
      if (!this.#owner.homes.includes(own.home)) this.#own.delete(name)
      else if (own.keys > own.told || this.#isAging(own)) void this.#tell(own)
      else if (own.home.usable && own.home.debts.isEmpty) this.#settle(name, own)
    }
    let isBehind = false
    for (const [standIn, answer] of this.#answers) {
      if (answer.behind.size === 0) continue
      isBehind = true
      void this.#read(standIn, answer)
    }
    if (!isBehind && this.#own.size === 0) this.#rest()
  }

  /** Whether it must be renewed, because the host is out for so long. */
  #isAging({ home, toldMs }: Own): boolean {
    return !home.usable && performance.now() - toldMs > this.#owner.policy.missedTtl * 500
  }

  /** Adds to the counter what it does not contain yet, and lets it live as long as the notices. */
  async #tell(own: Own): Promise<boolean> {
    const { home, standIn } = own
    const { missedTtl } = this.#owner.policy
    own.toldMs = performance.now()
    const name = countKey(home.name)
    const missing = own.keys - own.told
    const ask = (verb: Verb, key: string, args?: number, body?: string, host = standIn) =>
      this.#ask(new Request<boolean>(verb, undefined, key, undefined, args, body), host)
    // Other hosts say that there are counters: a process that starts asks one of them first.
    const others = this.#owner.homes.filter((host) => host !== standIn && host.usable)
    const flags = others.map((host) =>
      ask(textVerb('set', missedTtl), ANY_KEY, undefined, '0', host).catch(() => {}),
    )
    try {
      const [, , isCounted] = await Promise.all([
        ask(textVerb('set', missedTtl), ANY_KEY, undefined, '0'),
        ask(textVerb('add', missedTtl), name, undefined, '0'),
        missing === 0 || ask(INCR, name, missing),
        ask(TOUCH, name, missedTtl),
      ])
      await Promise.all(flags)
      if (!isCounted) return false
      // A fallback host that was restarted has forgotten what it was told before.
      own.told = own.epoch === standIn.epoch ? own.told + missing : missing
      own.epoch = standIn.epoch
      return true
    } catch {
      // It may have been counted. A counter that is too high is harmless and expires.
      return false
    }
  }

  #settle(name: string, { home, standIn, told, epoch }: Own): void {
    this.#own.delete(name)
    if (told === 0 || epoch !== standIn.epoch) return
    const request = new Request<boolean>(DECR, undefined, countKey(home.name), undefined, told)
    this.#ask(request, standIn).catch(() => {})
  }
}

/** A counter of each host; undefined if it was not out. */
type Counts = readonly (number | undefined)[]

/**
 * Reads how many keys each of these hosts missed according to a fallback host. Asks a second time
 * only if the fallback host has counters.
 */
export async function countsOf(
  homes: readonly string[],
  ask: (request: Request<number | undefined>) => Promise<number | undefined>,
): Promise<Counts> {
  const read = (key: string): Promise<number | undefined> =>
    ask(new Request<number | undefined>(GETS, undefined, key, undefined))
  if ((await read(ANY_KEY)) === undefined) return homes.map(() => undefined)
  return Promise.all(homes.map((home) => read(countKey(home))))
}

function pairName(home: Host, standIn: Host): string {
  return `${home.name} ${standIn.name}`
}

function countKey(home: string): string {
  return hostItemKey('owed', home)
}

function countVerb(name: 'incr' | 'decr', head: typeof incrHead): Verb {
  const encode = ({ wireKey, args }: Request): string => head(wireKey, args as number)
  return itemVerb(name, 'change', encode, isDone)
}

function isDone(reply: Parameters<typeof done>[0]): ReturnType<typeof done> {
  return reply.kind === ReplyKind.Number ? true : done(reply)
}
