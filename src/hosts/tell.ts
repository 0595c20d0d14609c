import { MintringError } from '../errors.ts'
import { type Debt, Request, type Verb, verbOf } from '../net/request.ts'
import { unlockHead } from '../net/unlock.ts'
import { flushAllHead } from '../protocol/admin.ts'
import { mdHead } from '../protocol/meta.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { deleteHead } from '../protocol/request.ts'
import type { Owed } from './debts.ts'

/** Called when the host has replied, before the replies to later commands are parsed. */
type OnTold = (() => void) | undefined

function told(name: string, encode: NonNullable<Verb['encode']>): Verb {
  return verbOf({
    name,
    effect: 'remove',
    repeatable: true,
    encode,
    lockRefused: rejected,
    accept(request, { kind }) {
      const { Deleted, NotFound, Hd, Nf, Ok } = ReplyKind
      const isDone = kind === Deleted || kind === NotFound || kind === Hd || kind === Nf
      if (!isDone && kind !== Ok) rejected()
      const onTold = request.context as OnTold
      // Call at once, because later replies in the same chunk belong to commands behind this one.
      onTold?.()
      request.resolve(true)
      return true
    },
  })
}

/** Closes the connection, because later replies on it may contain the old value. */
function rejected(): never {
  const message = 'The server rejected the delete of a key that it must forget'
  throw new MintringError('MINTRING_PROTOCOL', message)
}

const TELL: Verb = told('tell', ({ wireKey, args, attempt }, out) => {
  const { isMark, ttlSeconds, isBase64: b } = args as Debt
  if (!b) out.text(unlockHead(attempt, wireKey))
  const life = ttlSeconds === undefined ? {} : { T: ttlSeconds }
  // A mark that a host without meta commands missed is a delete there.
  if (isMark && attempt?.router.abilities?.meta !== false)
    out.text(mdHead(wireKey, { I: true, ...life, b }))
  else if (b) out.text(mdHead(wireKey, { b }))
  else out.text(deleteHead(wireKey))
})

const FLUSH: Verb = told('flush_all', (_, out) => out.text(flushAllHead()))

/**
 * Creates the request that applies a missed change on its host. It is not retried; the change stays
 * recorded until it succeeds.
 */
export function tellRequest(
  { wireKey, debt }: Pick<Owed, 'wireKey' | 'debt'>,
  onTold?: () => void,
): Request<boolean> {
  const request = new Request<boolean, OnTold>(TELL, undefined, wireKey, onTold, debt)
  request.binding = 'once'
  request.ordered = true
  return request
}

/** Creates a `flush_all`, for a host none of whose values may be used. */
export function flushRequest(onTold: () => void): Request<boolean> {
  const request = new Request<boolean, OnTold>(FLUSH, undefined, '', onTold)
  request.binding = 'once'
  return request
}

/** Returns the keys of a request: what the ring hashes, and the wire key. */
export function keysToTell({ routeKey, wireKey, group }: Request): (readonly [string, string])[] {
  if (routeKey !== undefined) return [[routeKey, wireKey]]
  if (group === undefined) return []
  return Array.from({ length: group.size }, (_, i) => [group.routeKey(i), group.wireKey(i)])
}
