import { MintringError } from '../errors.ts'
import { DELETE_DEBT, type Debt, Request, type Verb } from '../net/request.ts'
import { flushAllHead } from '../protocol/admin.ts'
import { mdHead } from '../protocol/meta.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { deleteHead } from '../protocol/request.ts'

/** How many keys a host can miss before it has missed too much. */
export const MAX_JOURNAL_KEYS = 10_000

/** A delivered entry answers true; anything but done or not there is not delivered. */
function replayed(name: string, encode: NonNullable<Verb['encode']>): Verb {
  return {
    name,
    effect: 'remove',
    repeatable: true,
    encode,
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
}

const REPLAY: Verb = replayed('replay', ({ wireKey, args }, out) => {
  const { isMark, ttlSeconds, isBase64: b } = args as Debt
  const life = ttlSeconds === undefined ? {} : { T: ttlSeconds }
  if (isMark) out.text(mdHead(wireKey, { I: true, ...life, b }))
  else if (b) out.text(mdHead(wireKey, { b }))
  else out.text(deleteHead(wireKey))
})

const FLUSH: Verb = replayed('flush_all', (_, out) => out.text(flushAllHead()))

/** Who took a write in the host's place, and has a copy that grows old once the host is back. */
export interface StandIn {
  forget(wireKey: string, debt: Debt): void
}

interface Entry {
  readonly debt: Debt
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
   * Notes what is to be sent for `wireKey`; when that is done `standIn` is told the same. A delete
   * outlives a mark.
   */
  add(wireKey: string, debt: Debt, standIn?: StandIn): void {
    const known = this.#entries.get(wireKey)
    if (known === undefined && this.#entries.size >= MAX_JOURNAL_KEYS) {
      this.#lost++
      return
    }
    const isWeaker = known !== undefined && !known.debt.isMark
    const entry = { debt: isWeaker ? known.debt : debt, standIn: standIn ?? known?.standIn }
    this.#entries.set(wireKey, entry)
  }

  /** One request per entry. An entry is forgotten when its request resolves. */
  requests(): Request<boolean>[] {
    return [...this.#entries].map(([wireKey, entry]) => {
      const request = new Request<boolean>(REPLAY, undefined, wireKey, undefined, entry.debt)
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
    entry.standIn?.forget(wireKey, entry.debt)
  }
}

/** `flush_all`, for a host that must not be believed at all. */
export function flushRequest(): Request<boolean> {
  return new Request<boolean>(FLUSH, undefined, '', undefined)
}

/** What makes a host forget what `request` wrote elsewhere, or could not remove. */
export function debtOf(request: Request): Debt {
  return request.verb.debt?.(request) ?? DELETE_DEBT
}
