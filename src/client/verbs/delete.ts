import { Deadline } from '../../deadline.ts'
import { DialPace } from '../../hosts/pace.ts'
import { Request } from '../../net/request.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions } from '../options.ts'
import { checkOptions } from '../options.ts'
import type { Outcomes } from '../outcomes.ts'
import { DELETE } from './found.ts'
import { deadlineOf, laterOptions } from './many.ts'
import { deleteMany } from './write-many.ts'

/** How many locks are looked for at once. */
const MAX_AT_ONCE = 512

/**
 * Deletes a key. True when it was there. A refill with `placeholder: 'sidecar'` leaves nothing in
 * the key while it loads: what is not there is deleted once more if a load had its lock beside it,
 * since that may have stored before its lock was gone.
 */
export async function deleteKey(
  core: ClientCore,
  key: string,
  options: OperationOptions | undefined,
): Promise<boolean> {
  checkOptions('delete', options)
  // In the time of one operation: callers need not know that there may be several steps.
  const timeoutMs = options?.timeoutMs ?? core.operationMs
  const deadline = new Deadline('delete', { signal: options?.signal, timeoutMs }, timeoutMs)
  const wasThere = await remove(core, key, options)
  deadline.sent = true
  if (wasThere || !(await deadline.bound(core.unlock(key)))) return wasThere
  return remove(core, key, deadline.next())
}

/** The same for many keys: per key whether it was there, or in `failed` the reason. */
export async function deleteKeys(
  core: ClientCore,
  keys: Iterable<string>,
  options: OperationOptions | undefined,
): Promise<Outcomes<boolean>> {
  const deadline = deadlineOf('deleteMany', options)
  const outcomes = await deleteMany(core, keys, options)
  const locked: string[] = []
  const pace = new DialPace()
  const left = outcomes.entries()
  const unlockSome = async (): Promise<void> => {
    for (const [key, wasThere] of left) {
      if (!wasThere && (await core.unlock(key))) locked.push(key)
      if (pace.isDue()) await pace.rest()
    }
  }
  await deadline.bound(Promise.all(Array.from({ length: MAX_AT_ONCE }, unlockSome)))
  if (locked.length === 0) return outcomes
  const again = await deleteMany(core, locked, laterOptions(deadline, options))
  for (const [key, wasThere] of again) outcomes.set(key, wasThere)
  for (const [key, error] of again.failed) outcomes.failed.set(key, error)
  return outcomes
}

/** True when the item was there. */
function remove(
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
