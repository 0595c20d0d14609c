import type { MintringError } from '../errors.ts'
import type { Request } from '../net/request.ts'
import { performance } from '../runtime.ts'
import { isRefusal } from './connects.ts'
import type { Host } from './host.ts'
import { ownItem, remove } from './item-commands.ts'
import { KeyFilter } from './key-filter.ts'
import { lookAt, OutageMark } from './outage-mark.ts'

/** How often a process renews the markers it needs. */
export const VOUCH_MS = 10_000

/** Sends a request to one host. */
export type SendTo = (host: Host, request: Request) => void

/**
 * One outage of a host (`home`), as one fallback host (`standIn`) serves it. A copy on the
 * fallback host is valid only if some process stored it during this outage. To find out, each
 * process compares CAS ids with that of a marker on the fallback host, which was stored when the
 * outage began. So a copy of an earlier outage is never read, even if the process that stored it
 * has died.
 */
export class Absence {
  readonly home: Host
  readonly standIn: Host
  /**
   * Keys that were checked: if the fallback host has a copy of one, it was stored in this outage.
   */
  readonly copies = new Set<string>()
  /** Keys that a write may have stored on the fallback host. */
  readonly written = new Set<string>()
  /** Holds the keys beyond the limit of `written`, as a Bloom filter. */
  beyond: KeyFilter | undefined
  /** Checks in progress, by key. */
  readonly pending = new Map<string, Promise<void>>()
  readonly #send: SendTo
  readonly #maxKeys: number
  readonly #mark: OutageMark
  /** Stored once `home` refuses connections: its process is gone, and with it all its items. */
  readonly #gone: OutageMark
  readonly #comebacks: number
  readonly #startMs: number
  #opening: Promise<void> | undefined
  #isOpen = false
  #going: Promise<void> | undefined
  readonly #flag: () => Promise<boolean> | undefined
  /** When the second marker was known to be there, on the clock of `performance.now()`. */
  #goneMs = Number.POSITIVE_INFINITY

  /** `flag` tells processes that start later of the outage; resolves to whether it could. */
  constructor(
    home: Host,
    standIn: Host,
    send: SendTo,
    maxKeys: number,
    flag: () => Promise<boolean> | undefined,
  ) {
    this.#maxKeys = maxKeys
    this.#flag = flag
    this.home = home
    this.standIn = standIn
    this.#send = send
    this.#comebacks = standIn.comebacks
    this.#startMs = performance.now()
    const ask = <Result, Context>(request: Request<Result, Context>) => this.#ask(request)
    this.#mark = new OutageMark('away', home, standIn, ask)
    this.#gone = new OutageMark('gone', home, standIn, ask)
  }

  /** Identifies the outage in the whole fleet; '' if the server allows no marker. */
  get id(): string {
    return this.#mark.id
  }

  /**
   * Whether the outage has ended: the host replied again, or the fallback host itself was down. Its
   * copies are then no longer valid.
   */
  get isOver(): boolean {
    return this.home.answeredMs > this.#startMs || this.standIn.comebacks !== this.#comebacks
  }

  /** Records a key before a write of it is sent to the fallback host. */
  note(wireKey: string): void {
    if (this.written.has(wireKey)) return
    if (this.written.size < this.#maxKeys) this.written.add(wireKey)
    else {
      this.beyond ??= new KeyFilter(this.#maxKeys)
      this.beyond.add(wireKey)
    }
  }

  /** Whether the fallback host may have a copy of this key, stored during this outage. */
  mayHold(wireKey: string): boolean {
    return (
      this.copies.has(wireKey) || this.written.has(wireKey) || this.beyond?.has(wireKey) === true
    )
  }

  /**
   * Deletes the fallback host's copies of these keys that are older than the outage. Rejects when
   * the fallback host does not reply. `isRefused` returns whether a marker belongs to a known
   * earlier outage.
   */
  check(wireKeys: readonly string[], isRefused: (id: string) => boolean): Promise<void> {
    const checked = this.#check(wireKeys, isRefused).finally(() => {
      for (const key of wireKeys) this.pending.delete(key)
    })
    for (const key of wireKeys) this.pending.set(key, checked)
    return checked
  }

  /**
   * Stores the markers before a write, so that the copy has a higher CAS id. Returns a promise to
   * await; undefined if they were stored before.
   */
  open(isRefused: (id: string) => boolean): Promise<void> | undefined {
    const opening = this.#isOpen ? undefined : this.#opened(isRefused)
    const going = this.#noteGone()
    return opening === undefined ? going : Promise.all([opening, going]).then(() => {})
  }

  /**
   * Whether a dial was refused after the second marker was there. So it is older than the process
   * with which home returns: every process that uses that one has been told of the outage.
   */
  get wasGone(): boolean {
    return this.#gone.id !== '' && this.home.connects.refusedMs > this.#goneMs
  }

  /** Returns a promise to await if the second marker was not stored before, and must be. */
  #noteGone(): Promise<void> | undefined {
    if (this.#going !== undefined || !isProcessGone(this.home)) return undefined
    // Without this marker no copy is handed home, but they are as good otherwise.
    this.#going = this.#storeGone().catch(() => {})
    return this.#going
  }

  async #storeGone(): Promise<void> {
    if ((await this.#flag()) !== true) return
    await this.#gone.open(() => false)
    this.#goneMs = performance.now()
  }

  #opened(isRefused: (id: string) => boolean): Promise<void> {
    this.#opening ??= this.#mark
      .open(isRefused)
      .catch((error: MintringError) => {
        // Some servers and proxies reject the marker commands; copies then count as valid.
        if (error.code !== 'MINTRING_REFUSED') throw error
      })
      .then(
        () => {
          this.#isOpen = true
        },
        (error: unknown) => {
          // The next request tries again.
          this.#opening = undefined
          throw error
        },
      )
    return this.#opening
  }

  async #check(wireKeys: readonly string[], isRefused: (id: string) => boolean): Promise<void> {
    // Send the reads in one write with the marker: items stored after that write have higher CAS
    // ids than the marker.
    const opening = this.#opened(isRefused)
    await Promise.all([
      opening,
      this.#noteGone(),
      ...wireKeys.map((key) => this.#checkKey(key, opening)),
    ])
  }

  async #checkKey(wireKey: string, opening: Promise<void>): Promise<void> {
    const [found] = await Promise.all([this.#ask(lookAt(wireKey)), opening])
    const isOld = this.id !== '' && found !== undefined && found.cas <= this.#mark.cas
    if (isOld) await this.#ask(remove(ownItem(wireKey)))
    if (this.copies.size < this.#maxKeys) this.copies.add(wireKey)
  }

  /** Renews the markers; they expire when no process renews them. */
  vouch(): void {
    this.#mark.renew()
    this.#gone.renew()
  }

  /** Deletes the markers, so that the next outage gets new ones. */
  close(): void {
    this.#mark.remove()
    this.#gone.remove()
  }

  #ask<Result, Context>(request: Request<Result, Context>): Promise<Result> {
    request.ordered = true
    this.#send(this.standIn, request as Request)
    return request.promise
  }
}

/** Whether a host refuses connections: its process is gone, and with it the items. */
export function isProcessGone({ isConnected, lastError }: Host): boolean {
  return !isConnected && isRefusal(lastError)
}
