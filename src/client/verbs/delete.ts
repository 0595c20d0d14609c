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

/** How many locks are deleted at once. */
const MAX_AT_ONCE = 512

/**
 * Deletes a key; resolves to true when it was stored. A refill with `placeholder: 'sidecar'` has
 * its lock beside the key while it loads. If the key was not stored but had such a lock, it is
 * deleted again, because the load may have stored its value before the lock was deleted.
 */
export async function deleteKey(
  core: ClientCore,
  key: string,
  options: OperationOptions | undefined,
): Promise<boolean> {
  checkOptions('delete', options)
  // All steps share the time limit of one operation, because callers expect one.
  const timeoutMs = options?.timeoutMs ?? core.operationMs
  const deadline = new Deadline('delete', { signal: options?.signal, timeoutMs }, timeoutMs)
  const wasThere = await remove(core, key, options)
  deadline.sent = true
  if (wasThere || !(await deadline.bound(core.unlock(key)))) return wasThere
  return remove(core, key, deadline.next())
}

/**
 * Deletes many keys. Resolves per key to whether it was stored; `failed` has the keys that failed,
 * with the reason.
 */
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

/** Deletes a key; resolves to true when it was stored. */
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
