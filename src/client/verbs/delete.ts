import { abortedBy, type Deadline } from '../../deadline.ts'
import type { MintringError } from '../../errors.ts'
import { errorOf } from '../../hosts/next-step.ts'
import { atOnce } from '../../hosts/scatter.ts'
import { TimeSlice } from '../../hosts/time-slice.ts'
import { Request } from '../../net/request.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions } from '../options.ts'
import { checkOptions } from '../options.ts'
import { Outcomes } from '../outcomes.ts'
import { DELETE } from './found.ts'
import { deadlineOf } from './many.ts'
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
  core.keys.wireKey(key)
  return core.asOne('delete', key, (one) => deleteWithLock(one, key, options))
}

async function deleteWithLock(
  core: ClientCore,
  key: string,
  options: OperationOptions | undefined,
): Promise<boolean> {
  const deadline = core.deadline('delete', options, core.keys.routeKey(key))
  const isUnlocked = core.locks.areUsed && (await unlockFirst(core, key, deadline))
  const wasThere = await remove(core, key, core.locks.areUsed ? deadline.next() : options)
  if (wasThere || isUnlocked) return wasThere
  deadline.sent = true
  try {
    const wasLocked = await deadline.bound(core.unlock(key))
    return wasLocked && (await remove(core, key, deadline.next()))
  } catch (error) {
    throw afterDelete(error)
  }
}

/** Returns the error of a step that followed a delete of the key: bytes of the whole were sent. */
function afterDelete(error: unknown): MintringError {
  return errorOf({ verb: DELETE, sent: true }, error as MintringError)
}

/**
 * Deletes the lock of a key before its value: the value may be of a plain set during a load, which
 * would store its own after the delete. Resolves to whether that succeeded.
 */
function unlockFirst(core: ClientCore, key: string, deadline: Deadline): Promise<boolean> {
  return deadline.bound(core.unlock(key)).then(
    () => true,
    () => false,
  )
}

/**
 * Deletes many keys. Resolves per key to whether it was stored; `failed` has the keys that failed,
 * with the reason. While some hosts reply, the locks of keys on other hosts are deleted: a host
 * that hangs fails its own keys only.
 */
export async function deleteKeys(
  core: ClientCore,
  keys: Iterable<string>,
  options: OperationOptions | undefined,
): Promise<Outcomes<boolean>> {
  checkOptions('deleteMany', options)
  const deadline = deadlineOf('deleteMany', options)
  deadline.sent = true
  const again = new Outcomes<boolean>()
  let parts = core
  const most = atOnce(MAX_AT_ONCE, core.cluster.policy)
  const unlocking = new Pool<string>(most, (key) => unlockOne(parts, key, deadline, again))
  return deleteMany(core, keys, options, {
    deleted(key, wasThere, sent) {
      if (wasThere && !core.locks.areUsed) return
      if (parts === core) parts = core.forParts(sent)
      unlocking.add(key)
    },
    async finish(outcomes) {
      await unlocking.done()
      if (options?.signal?.aborted === true) throw abortedBy(options.signal, true)
      for (const [key, wasThere] of again)
        if (wasThere && outcomes.has(key)) outcomes.set(key, true)
      for (const [key, error] of again.failed) {
        if (outcomes.delete(key)) outcomes.failed.set(key, error)
      }
      return outcomes
    },
  })
}

/** Deletes the lock of a key; if there was one, deletes the key again. */
async function unlockOne(
  core: ClientCore,
  key: string,
  deadline: Deadline,
  again: Outcomes<boolean>,
): Promise<void> {
  try {
    deadline.next()
    if (!(await deadline.bound(core.unlock(key)))) return
    again.set(key, await remove(core, key, deadline.next()))
  } catch (error) {
    again.failed.set(key, afterDelete(error))
  }
}

/** Works on items, on at most `max` at once. `work` must not reject. */
class Pool<Item> {
  readonly #max: number
  readonly #work: (item: Item) => Promise<void>
  readonly #waiting: Item[] = []
  #running = 0
  #idle: (() => void) | undefined

  constructor(max: number, work: (item: Item) => Promise<void>) {
    this.#max = max
    this.#work = work
  }

  add(item: Item): void {
    this.#waiting.push(item)
    if (this.#running < this.#max) void this.#run()
  }

  /** Resolves when all items are done. */
  async done(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
  }

  async #run(): Promise<void> {
    this.#running++
    const slice = new TimeSlice()
    for (let item = this.#waiting.pop(); item !== undefined; item = this.#waiting.pop()) {
      await this.#work(item)
      if (slice.isOver()) await slice.next()
    }
    if (--this.#running === 0) this.#idle?.()
  }
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
