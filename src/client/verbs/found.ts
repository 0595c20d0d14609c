import { refuse } from '../../net/refusal.ts'
import type { Effect, Verb } from '../../net/request.ts'
import { verbOf } from '../../net/request.ts'
import type { ReplyKind as Kind } from '../../protocol/reply-kind.ts'
import { ReplyKind } from '../../protocol/reply-kind.ts'

/** Creates a verb that resolves to true for the reply `yes`, and to false for NOT_FOUND. */
export function yesOrNotFound(
  name: string,
  effect: Effect,
  yes: Kind,
  encode: NonNullable<Verb['encode']>,
): Verb {
  return verbOf({
    name,
    effect,
    repeatable: true,
    encode,
    accept(request, reply) {
      if (reply.kind === yes) request.resolve(true)
      else if (reply.kind === ReplyKind.NotFound) request.resolve(false)
      else return refuse(request, reply)
      return true
    },
    miss(request) {
      request.resolve(false)
    },
  })
}
