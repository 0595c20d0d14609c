import { MintringError } from '../errors.ts'
import { type Debt, Request, type Verb } from '../net/request.ts'
import { flushAllHead } from '../protocol/admin.ts'
import { mdHead } from '../protocol/meta.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { deleteHead } from '../protocol/request.ts'
import type { Owed } from './debts.ts'

/** Called when the host replied, before any command behind it is answered. */
type OnTold = (() => void) | undefined

function told(name: string, encode: NonNullable<Verb['encode']>): Verb {
  return {
    name,
    effect: 'remove',
    repeatable: true,
    encode,
    accept(request, { kind }) {
      const { Deleted, NotFound, Hd, Nf, Ok } = ReplyKind
      const isDone = kind === Deleted || kind === NotFound || kind === Hd || kind === Nf
      if (!isDone && kind !== Ok) {
        // What follows on this lane must not be believed.
        throw new MintringError('MINTRING_PROTOCOL', 'The server refused to forget a key')
      }
      // At once: replies that follow in the same chunk belong to commands behind it.
      ;(request.context as OnTold)?.()
      request.resolve(true)
      return true
    },
  }
}

const TELL: Verb = told('tell', ({ wireKey, args }, out) => {
  const { isMark, ttlSeconds, isBase64: b } = args as Debt
  const life = ttlSeconds === undefined ? {} : { T: ttlSeconds }
  if (isMark) out.text(mdHead(wireKey, { I: true, ...life, b }))
  else if (b) out.text(mdHead(wireKey, { b }))
  else out.text(deleteHead(wireKey))
})

const FLUSH: Verb = told('flush_all', (_, out) => out.text(flushAllHead()))

/** Tells a host what it is owed for a key. It is tried once: the debt stays until it succeeds. */
export function tellRequest(
  { wireKey, debt }: Pick<Owed, 'wireKey' | 'debt'>,
  onTold?: () => void,
): Request<boolean> {
  const request = new Request<boolean, OnTold>(TELL, undefined, wireKey, onTold, debt)
  request.binding = 'once'
  request.ordered = true
  return request
}

/** `flush_all`, for a host that must not be believed at all. */
export function flushRequest(onTold: () => void): Request<boolean> {
  const request = new Request<boolean, OnTold>(FLUSH, undefined, '', onTold)
  request.binding = 'once'
  return request
}

/** The keys of a request: what the ring hashes and what travels. */
export function keysToTell({ routeKey, wireKey, group }: Request): (readonly [string, string])[] {
  if (routeKey !== undefined) return [[routeKey, wireKey]]
  if (group === undefined) return []
  return Array.from({ length: group.size }, (_, i) => [group.routeKey(i), group.wireKey(i)])
}
