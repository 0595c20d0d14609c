import type { HomeName, Plan } from '../ring/transition.ts'

/**
 * The commands that a plan for a moving key combines. Each call sends one command to the key's
 * previous or new host.
 */
export interface MovedKey<Result> {
  /** Runs the caller's command. */
  run(at: HomeName): Promise<Result>
  /** Whether a result is a miss. */
  isMiss(result: Result): boolean
  /** Combines the results of a command that ran on both hosts of the key. */
  both(first: Result, second: Result): Result
  /** Whether that host has an item of the key. */
  has(at: HomeName): Promise<boolean>
  delete(at: HomeName): Promise<void>
  /** Copies the item from the previous to the new host before the command continues. */
  copy(): Promise<void>
  /** Copies the item in the background, after the command has its result. */
  copyLater(): void
}

/** Executes a plan step by step: each step starts after the previous one was acknowledged. */
export async function carryOut<Result>(plan: Plan, key: MovedKey<Result>): Promise<Result> {
  let result: { readonly of: Result } | undefined
  const sought = plan.filter(({ act }) => act === 'seek').map(({ at }) => at)
  const ran = async (at: HomeName): Promise<void> => {
    const now = await key.run(at)
    result = { of: result === undefined ? now : key.both(result.of, now) }
  }
  for (const { at, act } of plan) {
    if (act === 'run') await ran(at)
    else if (act === 'run on a miss') {
      if (result === undefined || !key.isMiss(result.of)) return result!.of
      result = { of: await key.run(at) }
    } else if (act === 'seek') {
      if (result !== undefined) continue
      const where = await whereIs(key, sought)
      await ran(where)
      if (where !== sought[0]) return result!.of
    } else if (act === 'delete') await key.delete(at)
    else if (result === undefined) await key.copy()
    else if (!key.isMiss(result.of)) key.copyLater()
  }
  return result!.of
}

/** Returns the first of the key's two hosts that has the item; the first of all if none has it. */
async function whereIs<Result>(
  key: MovedKey<Result>,
  homes: readonly HomeName[],
): Promise<HomeName> {
  for (const at of homes) if (await key.has(at)) return at
  return homes[0]!
}

/**
 * The state of a key on its new host: an empty item that this process just created, an item, or
 * another process's empty item.
 */
export type CopyElection = { readonly cas: string } | 'there' | 'held'

/**
 * The commands that copy the item of a moving key to its new host. Each call except `pause` sends
 * one.
 */
export interface CopyableKey<Item> {
  /** Creates an empty item on the new host, if it has none. */
  elect(): Promise<CopyElection>
  /** Reads the item on the previous host; undefined if it must not be copied. */
  peek(): Promise<Item | undefined>
  /** Fills the empty item; resolves to false if it was changed meanwhile. */
  fill(item: Item, cas: string): Promise<boolean>
  /** Deletes the empty item. */
  release(cas: string): Promise<void>
  /** Waits before the next attempt; undefined: make only one attempt. */
  readonly pause: (() => Promise<void>) | undefined
}

/**
 * Copies an item to its new host; resolves to whether it did. To reserve the key there, it first
 * creates an empty item. The CAS id of that item prevents a stale copy, because a writer changes
 * the previous host first. If the item was created before the writer's change on the new host, the
 * copy cannot be stored. If it was created later, the copy has the changed value.
 *
 * With `pause` it repeats until the new host has the item, or there is none to copy. Otherwise a
 * caller that then deletes the item on the previous host would lose it.
 */
export async function copyMoved<Item>(key: CopyableKey<Item>): Promise<boolean> {
  for (;;) {
    const elected = await key.elect()
    if (elected === 'there') return false
    if (elected !== 'held') {
      const item = await key.peek()
      if (item === undefined) {
        await key.release(elected.cas)
        return false
      }
      // If this process was slow, its empty item has expired, and fill() returns false. Then try
      // again.
      if (await key.fill(item, elected.cas)) return true
    }
    if (key.pause === undefined) return false
    await key.pause()
  }
}
