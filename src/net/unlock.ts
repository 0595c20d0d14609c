import { besideKey, LOCK, RESERVED } from '../protocol/own-key.ts'
import { deleteHead } from '../protocol/request.ts'
import type { SingleAttempt } from './attempt.ts'
import type { Attempt } from './request.ts'

/**
 * Encodes a delete of the lock that a refill may have beside a key (`placeholder: 'sidecar'`), to
 * be written in front of the command that removes the key. The refill loaded its value before the
 * removal, so it must not store it, and the absence of the key alone cannot tell it so. Both
 * commands are in one attempt, so they run in this order also when they are sent again.
 *
 * Only servers with meta commands have such locks, and they may be those of other clients. Returns
 * '' for other servers, and for mintring's own items.
 */
export function unlockHead(attempt: Attempt | undefined, wireKey: string): string {
  if (attempt?.router.abilities?.mayLock !== true || wireKey.startsWith(RESERVED)) return ''
  ;(attempt as SingleAttempt).lock = 'next'
  return deleteHead(besideKey(wireKey, LOCK))
}
