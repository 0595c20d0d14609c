import { refuse } from '../net/refusal.ts'
import { Request, type Verb, verbOf } from '../net/request.ts'
import { statsHead } from '../protocol/admin.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { performance, unixMs } from '../runtime.ts'
import type { Host } from './host.ts'
import {
  addItem,
  elect,
  fill,
  hostItemKey,
  ownItem,
  type PlacedItem,
  peek,
  release,
  setItem,
  type WireKey,
} from './item-commands.ts'
import { type CopyElection, copyMoved } from './moved-key.ts'
import { copyOfItem } from './moved-request.ts'
import type { HomeKey } from './notices.ts'
import { lookAt, markedAtMs, outageMarkKey } from './outage-mark.ts'
import { tellRequest } from './tell.ts'

/** The lifetime of the empty item that reserves a key at home while its value is copied. */
const COPY_SECONDS = 3
/** How many times to look whether another process has handed a key home. */
const MAX_PAUSES = 40
/** How often to look for a record that another process may store. */
const LOOK_MS = 500
/** How long a record lives: longer than any process still sees the host as down. */
const RECORD_SECONDS = 86_400
/** A record that says that nothing may be handed home. */
const CLOSED = Buffer.from('0 0')
/** How long changes reach the fallback host after the last copy: clocks may differ. */
const SETTLE_MS = 10_000
/** memcached adds two seconds to its uptime, and counts whole seconds; clocks may differ. */
const UPTIME_SLACK_MS = 5_000

/** `stats`: reads for how many seconds the server has been running. */
const UPTIME: Verb = verbOf({
  name: 'stats',
  effect: 'read',
  repeatable: true,
  encode: (_, out) => out.text(statsHead()),
  accept(request, reply) {
    const { Stat, End } = ReplyKind
    const uptime = request.context as { seconds: number }
    if (reply.kind === End) request.resolve(uptime.seconds)
    else if (reply.kind !== Stat) return refuse(request, reply)
    else {
      const [name, value] = reply.rest().split(' ')
      if (name === 'uptime') uptime.seconds = Number(value)
    }
    return reply.kind === End
  },
})

/** The parts of the account that a recovery uses. */
export interface RecoveryOwner {
  /** How long values may be handed home after a return, in milliseconds; 0: none are. */
  readonly handHomeMs: number
  /** Tells processes that start later that the fallback host has values of the host. */
  flag(home: Host, standIn: Host): Promise<boolean> | undefined
  /** Sends a request to one host, unrecorded. */
  ask<Result, Context>(host: Host, request: Request<Result, Context>): Promise<Result>
  pause(): Promise<void>
  /** Called when it is known, or has changed, until when values are handed home. */
  decided(recovery: Recovery): void
}

/**
 * Hands values home that a fallback host (`standIn`) stored while the key's own host (`home`) was
 * gone. A host that was restarted is empty, and the values on its fallback hosts are the newest
 * ones. As in a handover, a process first takes the key at home, then reads the copy, and then
 * fills the key; a change deletes the copy first, and is then made at home. So no order of both
 * leaves an old value at home.
 *
 * All processes follow one record at home, which says until when copies may be handed home, and the
 * CAS id that older items on the fallback host do not exceed. A process that cannot delete a copy
 * closes the record before its change. A restart of the host loses the record, so it ends, too.
 */
export class Recovery {
  readonly home: Host
  readonly standIn: Host
  readonly #owner: RecoveryOwner
  readonly #recordKey: string
  readonly #maxKeys: number
  /** Until when values may be handed home, in Unix milliseconds. */
  #untilAtMs = 0
  /** Copies have higher CAS ids. */
  #since = 0n
  /** Whether the fallback host has not said whether it has copies. */
  #isUnknown = true
  #joining: Promise<void> | undefined
  #lookedMs = 0
  /** Whether this process knows that the fallback host's mark is older than home's new process. */
  #wasGone = false
  /** Keys that home has, or the fallback host has not. */
  readonly #checked = new Set<string>()
  readonly #underWay = new Map<string, Promise<void>>()

  constructor(home: Host, standIn: Host, owner: RecoveryOwner, maxKeys: number) {
    this.home = home
    this.standIn = standIn
    this.#owner = owner
    this.#maxKeys = maxKeys
    this.#recordKey = hostItemKey('home', standIn.name)
    this.look()
  }

  /** Finds out whether and until when values are handed home; again, if a host did not reply. */
  look(wasGone = this.#wasGone): void {
    this.#wasGone = wasGone
    if (!this.#isUnknown) return
    this.#lookedMs = performance.now()
    this.#joining ??= this.#join()
      .then(
        () => {
          this.#isUnknown = false
        },
        () => {},
      )
      .then(() => {
        this.#joining = undefined
        this.#owner.decided(this)
      })
  }

  /** Whether changes need not reach the fallback host any more. */
  get isOver(): boolean {
    return !this.#isUnknown && unixMs() >= this.#untilAtMs + SETTLE_MS
  }

  /**
   * Returns a promise to await before a request for a key is sent home; undefined if there is
   * nothing to wait for. `isBlind`: the request does not depend on the value.
   */
  before(key: HomeKey, isChange: boolean, isBlind: boolean): Promise<void> | undefined {
    if (performance.now() - this.#lookedMs > LOOK_MS) this.look()
    if (this.#joining !== undefined) {
      return this.#joining.then(() => {
        // The precaution that this change did not take meanwhile.
        if (this.isOver && isChange) void this.#delete(key)
        return this.before(key, isChange, isBlind)
      })
    }
    if (this.isOver) return undefined
    const handed = isBlind ? undefined : this.#handHome(key)
    if (!isChange) return handed
    return handed === undefined ? this.#clear(key) : handed.then(() => this.#clear(key))
  }

  /** Forgets that a key was handed home: it has been deleted there since. */
  recheck(wireKey: string): void {
    this.#checked.delete(wireKey)
  }

  /** Finds the record at home, or decides what it says. */
  async #join(): Promise<void> {
    const { home, standIn } = this
    const find = lookAt(this.#recordKey)
    let record = await this.#owner.ask(home, find)
    if (record === undefined) {
      const gone = await this.#owner.ask(standIn, lookAt(outageMarkKey('gone', home)))
      if (gone === undefined) return
      // Another process may know that: it stores the record.
      if (!this.#wasGone) throw new Error('home may have returned before that marker was stored')
      const text = (await this.#isEmptySince(markedAtMs(gone)))
        ? `${unixMs() + this.#owner.handHomeMs} ${gone.cas}`
        : CLOSED
      if ((await this.#owner.flag(home, standIn)) !== true) throw new Error('nobody was told')
      const item = ownItem(this.#recordKey)
      await this.#owner.ask(home, addItem(item, Buffer.from(text), RECORD_SECONDS))
      record = await this.#owner.ask(home, lookAt(this.#recordKey))
    }
    this.#follow(record?.text)
  }

  /** Whether home was started after that time, so that its items are newer. */
  async #isEmptySince(atMs: number): Promise<boolean> {
    if (this.#owner.handHomeMs === 0) return false
    const asking = new Request<number, { seconds: number }>(UPTIME, undefined, '', {
      seconds: Number.POSITIVE_INFINITY,
    })
    const seconds = await this.#owner.ask(this.home, asking)
    return unixMs() - seconds * 1000 >= atMs - UPTIME_SLACK_MS
  }

  #follow(record: string | undefined): void {
    const [, until = 0, since = 0] = /^(\d+) (\d+)$/.exec(record ?? '') ?? []
    this.#untilAtMs = Math.min(Number(until), unixMs() + RECORD_SECONDS * 1000)
    this.#since = BigInt(since)
  }

  get #mayCopy(): boolean {
    const isMeta = this.home.abilities?.meta === true && this.standIn.abilities?.meta === true
    return isMeta && unixMs() < this.#untilAtMs
  }

  #handHome(key: HomeKey): Promise<void> | undefined {
    const { wireKey } = key
    if (!this.#mayCopy || this.#checked.has(wireKey)) return undefined
    const known = this.#underWay.get(wireKey)
    if (known !== undefined) return known
    // A value that cannot be copied is loaded again.
    const handed = this.#copy(key)
      .catch(() => {})
      .then(() => {
        this.#underWay.delete(wireKey)
        if (this.#checked.size < this.#maxKeys) this.#checked.add(wireKey)
      })
    this.#underWay.set(wireKey, handed)
    return handed
  }

  async #copy({ routeKey, wireKey, isBase64: b }: HomeKey): Promise<void> {
    const { home, standIn } = this
    const copy = { routeKey: undefined, wireKey, b }
    // With the route key, so that home first gets the deletes that it missed.
    const place = { routeKey, wireKey, b }
    const look = async (): Promise<PlacedItem | undefined> => {
      const item = await this.#owner.ask(standIn, peek(copy))
      const isValid = item !== undefined && BigInt(item.cas) > this.#since
      return isValid ? copyOfItem(item) : undefined
    }
    if ((await look()) === undefined) return
    let epoch = 0
    let pauses = 0
    await copyMoved<PlacedItem>({
      pause: async () => {
        if (++pauses > MAX_PAUSES) throw new Error('another process loads the key')
        await this.#owner.pause()
      },
      elect: async () => {
        const elected = await this.#elect(place)
        epoch = home.epoch
        return elected
      },
      peek: look,
      // A server that was restarted counts CAS ids from 1 again.
      fill: async (item, cas) =>
        home.epoch === epoch && (await this.#owner.ask(home, fill(place, item, cas))),
      release: async (cas) => {
        if (home.epoch === epoch) await this.#owner.ask(home, release(place, cas))
      },
    })
  }

  /** Takes the key at home. Then reads the record: whoever closes it changes the key later. */
  async #elect(place: WireKey): Promise<CopyElection> {
    const [elected, record] = await Promise.all([
      this.#owner.ask(this.home, elect(place, COPY_SECONDS)),
      this.#owner.ask(this.home, lookAt(this.#recordKey)),
    ])
    if (record === undefined) await this.close()
    else this.#follow(record.text)
    if (typeof elected === 'string' || this.#mayCopy) return elected
    await this.#owner.ask(this.home, release(place, elected.cas))
    return 'there'
  }

  /** Deletes a copy before its key is changed at home. */
  async #clear(key: HomeKey): Promise<void> {
    if (!(await this.#delete(key))) await this.close()
  }

  #delete({ wireKey, isBase64 }: HomeKey): Promise<boolean> {
    const debt = { isMark: false, isBase64 }
    return this.#owner.ask(this.standIn, tellRequest({ wireKey, debt })).catch(() => false)
  }

  /** Makes all processes hand nothing more home from this fallback host. */
  async close(): Promise<void> {
    await this.#owner.ask(this.home, setItem(ownItem(this.#recordKey), CLOSED, RECORD_SECONDS))
    this.#isUnknown = false
    this.#untilAtMs = 0
    this.#owner.decided(this)
  }
}
