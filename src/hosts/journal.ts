import { MintringError } from '../errors.ts'
import { Request, type Router, type Verb } from '../net/request.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'

/** How many keys a host can miss before it has missed too much. */
export const MAX_JOURNAL_KEYS = 10_000

/** A delivered entry answers true; anything but done or not there is not delivered. */
const replayVerb: Verb = {
  name: 'replay',
  safety: 'idempotent',
  accept(request, { kind }) {
    const { Deleted, NotFound, Hd, Nf, Ok } = ReplyKind
    if (kind === Deleted || kind === NotFound || kind === Hd || kind === Nf || kind === Ok) {
      request.resolve(true)
    } else {
      request.reject(new MintringError('MINTRING_REFUSED', 'A missed change was refused'))
    }
    return true
  },
}

/** Who took a write in the host's place, and has a copy that grows old once the host is back. */
export interface StandIn {
  forget(wireKey: string, head: string): void
}

interface Entry {
  readonly head: string
  readonly standIn: StandIn | undefined
}

/**
 * What a host must be told before it may be believed again: keys that were deleted, invalidated or
 * written elsewhere while it could not be reached. One entry per key, bounded.
 */
export class Journal {
  readonly #entries = new Map<string, Entry>()
  #lost = 0

  get size(): number {
    return this.#entries.size
  }

  /**
   * Notes `head`, a command line such as `delete k` or `md k I T30` with its CRLF, to be sent for
   * `wireKey`; when that is done `standIn` is told the same. A delete outlives an invalidation.
   */
  add(wireKey: string, head: string, standIn?: StandIn): void {
    const known = this.#entries.get(wireKey)
    if (known === undefined && this.#entries.size >= MAX_JOURNAL_KEYS) {
      this.#lost++
      return
    }
    const isWeaker = known !== undefined && !isInvalidation(known.head)
    const entry = { head: isWeaker ? known.head : head, standIn: standIn ?? known?.standIn }
    this.#entries.set(wireKey, entry)
  }

  /** One request per entry. An entry is forgotten when its request resolves. */
  requests(): Request<boolean>[] {
    return [...this.#entries].map(([wireKey, entry]) => {
      const { head } = entry
      const request = new Request<boolean>(
        replayVerb,
        undefined,
        wireKey,
        head,
        undefined,
        undefined,
      )
      request.promise.then(
        () => this.#delivered(wireKey, entry),
        () => undefined,
      )
      return request
    })
  }

  /** How many keys did not fit, once: they are forgotten here. */
  takeLost(): number {
    const lost = this.#lost
    this.#lost = 0
    return lost
  }

  /** After a flush the host has nothing to be told, but its stand-ins have. */
  clear(): void {
    for (const [wireKey, entry] of this.#entries) this.#delivered(wireKey, entry)
    this.#lost = 0
  }

  #delivered(wireKey: string, entry: Entry): void {
    if (this.#entries.get(wireKey) === entry) this.#entries.delete(wireKey)
    entry.standIn?.forget(wireKey, entry.head)
  }
}

/** `flush_all`, for a host that must not be believed at all. */
export function flushRequest(): Request<boolean> {
  return new Request<boolean>(replayVerb, undefined, '', 'flush_all\r\n', undefined, undefined)
}

/** Makes a request one that is tried once, on `router` alone. */
export function pin(request: Request, router: Router, timeoutMs: number): Request {
  request.router = router
  request.pin(timeoutMs)
  return request
}

/** The command that makes a host forget what `request` wrote elsewhere, or could not remove. */
export function forgetHead(request: Request): string {
  const { head } = request
  if (/^(delete|md) /.test(head) && !/ (noreply|q)[ \r]/.test(head)) return head
  const isBase64 = /^m[a-z] \S+ (.* )?b( |\r)/.test(head)
  return isBase64 ? `md ${request.wireKey} b\r\n` : `delete ${request.wireKey}\r\n`
}

/** `md … I …`: the item stays, marked stale. */
function isInvalidation(head: string): boolean {
  return /^md \S+ (.* )?I( |\r)/.test(head)
}
