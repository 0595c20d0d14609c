import type { Effect, Verb } from '../../net/request.ts'
import { Request } from '../../net/request.ts'
import { atMostExptime } from '../../protocol/exptime.ts'
import type { ReplyKind as Kind } from '../../protocol/reply-kind.ts'
import { ReplyKind } from '../../protocol/reply-kind.ts'
import { deleteHead, touchHead } from '../../protocol/request.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions } from '../options.ts'
import { checkOptions } from '../options.ts'
import { refuse } from '../refusal.ts'
import type { Ttl } from '../ttl.ts'
import { exptimeOf } from '../ttl.ts'

const DELETE: Verb = yesOrNotFound('delete', 'remove', ReplyKind.Deleted, ({ wireKey }, out) => {
  out.text(deleteHead(wireKey))
})
const TOUCH: Verb = yesOrNotFound(
  'touch',
  'touch',
  ReplyKind.Touched,
  ({ wireKey, exptime }, out, maxTtl) => {
    out.text(touchHead(wireKey, atMostExptime(exptime, maxTtl)))
  },
)

/** True when the item was there. */
export function remove(
  core: ClientCore,
  key: string,
  options: OperationOptions | undefined,
): Promise<boolean> {
  checkOptions('delete', options)
  const wireKey = core.keys.wireKey(key)
  const routeKey = core.keys.routeKey(key)
  core.changed(key)
  return core.submit(new Request(DELETE, routeKey, wireKey, undefined), options)
}

/** Gives an item `ttl` from now; true when it was there. */
export function touch(
  core: ClientCore,
  key: string,
  ttl: Ttl,
  options: OperationOptions | undefined,
): Promise<boolean> {
  checkOptions('touch', options)
  const wireKey = core.keys.wireKey(key)
  const routeKey = core.keys.routeKey(key)
  const exptime = exptimeOf(ttl)
  return core.submit(
    new Request(TOUCH, routeKey, wireKey, undefined, undefined, undefined, 0, exptime),
    options,
  )
}

function yesOrNotFound(
  name: string,
  effect: Effect,
  yes: Kind,
  encode: NonNullable<Verb['encode']>,
): Verb {
  return {
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
  }
}
