import type { HomeName, Plan } from '../ring/transition.ts'

/** What a plan does at the homes of one key. Each call is one command. */
export interface MovedKey<Result> {
  /** Runs the command of the caller. */
  run(at: HomeName): Promise<Result>
  /** Whether a result says that there was nothing. */
  isMiss(result: Result): boolean
  /** The result of a command that was run at both homes. */
  both(first: Result, second: Result): Result
  /** Whether there is an item. */
  has(at: HomeName): Promise<boolean>
  delete(at: HomeName): Promise<void>
  /** Copies the item of the previous home to the new one, before the command goes on. */
  copy(): Promise<void>
  /** The same behind a command that has its result. */
  copyLater(): void
}

/** Carries out a plan, step by step: a step begins when the one before was acknowledged. */
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

/** The first home that has the item; the first of all when none has. */
async function whereIs<Result>(
  key: MovedKey<Result>,
  homes: readonly HomeName[],
): Promise<HomeName> {
  for (const at of homes) if (await key.has(at)) return at
  return homes[0]!
}

/** What is at the new home of a key: nothing until now, an item, or another's empty item. */
export type CopyElection = { readonly cas: string } | 'there' | 'held'

/** What copying takes, at the homes of one key. Each call but the last is one command. */
export interface CopyableKey<Item> {
  /** Makes an empty item at the new home, if there is nothing. */
  elect(): Promise<CopyElection>
  /** The item at the previous home, unless it must not be copied. */
  peek(): Promise<Item | undefined>
  /** Fills the empty item. Resolves to whether it was still the same. */
  fill(item: Item, cas: string): Promise<boolean>
  /** Removes the empty item. */
  release(cas: string): Promise<void>
  /** Waits before the next look at another copier's empty item; undefined: do not wait. */
  readonly pause: (() => Promise<void>) | undefined
}

/** How often an empty item of another is looked at. */
const MAX_LOOKS = 5

/**
 * Copies an item to its new home. The CAS id of the election fences it: a writer changes the value
 * changes it at the previous home first, so a copier elected before that change at the new home
 * cannot store, and one elected after it reads the changed value. Resolves to whether it copied.
 */
export async function copyMoved<Item>(key: CopyableKey<Item>): Promise<boolean> {
  let elected = await key.elect()
  for (let looks = 1; elected === 'held' && key.pause && looks < MAX_LOOKS; looks++) {
    await key.pause()
    elected = await key.elect()
  }
  if (typeof elected === 'string') return false
  const item = await key.peek()
  if (item !== undefined) return key.fill(item, elected.cas)
  await key.release(elected.cas)
  return false
}
