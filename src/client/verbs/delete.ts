import type { SingleAttempt } from '../../net/attempt.ts'
import { refuse } from '../../net/refusal.ts'
import { Request, type Verb, verbOf } from '../../net/request.ts'
import { unlockHead } from '../../net/unlock.ts'
import { ReplyKind } from '../../protocol/reply-kind.ts'
import { deleteHead } from '../../protocol/request.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions } from '../options.ts'
import { checkOptions } from '../options.ts'

/**
 * `delete k`, behind a delete of the lock that a refill may have beside the key. Resolves to true
 * when the key was stored, and also when it may have been: it is missing now, but an earlier
 * attempt may have deleted it.
 */
export const DELETE: Verb = verbOf({
  name: 'delete',
  effect: 'remove',
  repeatable: true,
  encode({ wireKey, attempt }, out) {
    out.text(unlockHead(attempt, wireKey) + deleteHead(wireKey))
  },
  accept(request, reply, attempt) {
    const { kind } = reply
    if (kind !== ReplyKind.Deleted && kind !== ReplyKind.NotFound) return refuse(request, reply)
    request.resolve(kind === ReplyKind.Deleted || (attempt as SingleAttempt).isRepeated)
    return true
  },
  miss(request) {
    request.resolve(false)
  },
})

/** Deletes a key; resolves to true when it was stored. */
export async function deleteKey(
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
