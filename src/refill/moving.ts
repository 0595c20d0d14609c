import type { RefillContext } from './context.ts'
import type { Finding, Lease } from './finding.ts'
import type { Terms } from './loader.ts'
import type { Path, StaleWindow } from './paths/path.ts'
import { pageWithTags, READ_TAGS } from './paths/sidecar-path.ts'
import { CODEC_FLAGS, hasClock, isTagged, Stamp } from './paths/stamp.ts'
import type { Policy } from './policy.ts'
import { decoded } from './share.ts'
import type { Elsewhere, Item } from './store.ts'

/** Compares the tag versions of a read result with the current ones. */
type Judge = (finding: Finding) => Finding | Promise<Finding>

/**
 * Reads a moving key on its other host, after it was missing on the one that reads use. Undefined
 * for a key that does not move.
 */
export function elsewhere(
  terms: Terms,
  finding: Finding,
  context: RefillContext,
  judge: Judge,
): Promise<Finding> | undefined {
  const { isSidecar, tagText } = terms.policy
  const hasTagsBeside = isSidecar && tagText !== undefined
  const look = (isAgain: boolean): Promise<Elsewhere | undefined> | undefined => {
    const beside = hasTagsBeside ? [READ_TAGS] : []
    const looking = context.store.elsewhere?.(terms.key, beside, isAgain)
    return hasTagsBeside ? looking?.then(withTagsBeside) : looking
  }
  const judgeItem = async (item: Item): Promise<Finding> => {
    const path = context.pathOf(terms.policy, item.place())
    return judge(await decoded(context.clock, terms, path.judge(item, terms.policy, 0)))
  }
  const looking = look(false)
  if (looking === undefined) return undefined
  const other: OtherHome = { look: async () => look(true), judge: judgeItem }
  // If the other host cannot be read, the key stays a miss.
  return inherited(terms, finding, looking, context, other).catch(() => finding)
}

/** The host of a moving key that reads do not use. */
interface OtherHome {
  look(): Promise<Elsewhere | undefined>
  judge(item: Item): Promise<Finding>
}

function withTagsBeside(found: Elsewhere | undefined): Elsewhere | undefined {
  return found && { ...found, item: pageWithTags(found.item, found.beside[0]) }
}

/**
 * Handles a miss of a moving key whose other host has the item. A fresh item is stored here with
 * its remaining lifetime, under the lease that the read won. A stale item, also one that is stale
 * because of a tag, is served while the holder of the lease here loads.
 */
async function inherited(
  terms: Terms,
  finding: Finding,
  looking: Promise<Elsewhere | undefined>,
  context: RefillContext,
  other: OtherHome,
): Promise<Finding> {
  const found = await looking
  if (found === undefined) return finding
  const there = await other.judge(found.item)
  const { election, lease, trouble } = finding
  if (there.verdict === 'absent') return finding
  if (there.verdict === 'stale') return { ...there, election, lease, trouble, isToMark: false }
  if (election === 'won' && lease.on === 'placeholder') {
    await keepOrLetGo(terms, finding, there, found, context)
  } else if (election === 'open' && mayStoreAnew(there, found)) {
    context.inBackground(storeAnew(terms, finding, other, context).catch(() => {}))
  }
  return { ...there, election: 'none' }
}

/** Marks a key stale on its host; on both if it moves. */
export async function invalidateHomes(
  key: string,
  policy: Policy,
  isKnown: boolean,
  context: RefillContext,
): Promise<boolean> {
  const { store } = context
  const window: StaleWindow = { graceSeconds: policy.graceSeconds, isKnown }
  let wasThere = false
  await store.ready?.(key)
  for (;;) {
    const homes = store.homesOf?.(key)
    for (const home of homes ?? [undefined]) {
      const path = context.pathOf(policy, store.place(key, home))
      wasThere = (await path.invalidate(key, window, home)) || wasThere
    }
    // If the key's hosts changed meanwhile, the new ones did not get the mark: repeat.
    if (store.homesOf?.(key) === homes) return wasThere
  }
}

/**
 * Copies the item with its flags, bytes and remaining lifetime. A server without meta commands does
 * not tell the lifetime: its refilled values are stored as a load would. Releases the lease if
 * neither is possible.
 */
async function keepOrLetGo(
  terms: Terms,
  finding: Finding,
  there: Finding,
  found: Elsewhere,
  context: RefillContext,
): Promise<void> {
  const { key, policy } = terms
  const { lease } = finding
  const path = context.pathOf(policy, lease.place)
  const { item, mayKeep } = found
  if (hasClock(item.flags) || item.place().dialect === 'classic') {
    const isStored = await storedUnder(terms, lease, there, found, path)
    return isStored ? undefined : path.release(key, policy, lease)
  }
  if (!mayKeep) return path.release(key, policy, lease)
  const encoded = { body: item.bytes(), flags: item.flags }
  const ttlSeconds = Math.max(0, item.ttlSeconds)
  await context.store.exchange(lease.place, key, [
    { name: 'ms', encoded, ttlSeconds, cas: lease.cas },
  ])
}

/**
 * Stores an item of the other host as a load would. Used if a single command cannot store it under
 * the lease. Skips plain sets, whose remaining lifetime is unknown. Reads the item again under the
 * lease: a change since the first read reached the previous host first, and ends a later lease.
 */
async function storeAnew(
  terms: Terms,
  finding: Finding,
  other: OtherHome,
  context: RefillContext,
): Promise<void> {
  const { key, policy } = terms
  const path = context.pathOf(policy, finding.lease.place)
  const { finding: elected } = await path.elect(key, policy, finding)
  if (elected.election !== 'won') return
  const { lease } = elected
  try {
    const found = await other.look()
    const there = found && (await other.judge(found.item))
    if (there?.verdict === 'fresh' && (await storedUnder(terms, lease, there, found!, path))) return
  } catch {
    // The next reader copies again.
  }
  await path.release(key, policy, lease)
}

async function storedUnder(
  { key, policy }: Terms,
  lease: Lease,
  there: Finding,
  found: Elsewhere,
  path: Path,
): Promise<boolean> {
  if (!mayStoreAnew(there, found)) return false
  const { item } = found
  const encoded = { body: item.bytes(), flags: item.flags & CODEC_FLAGS }
  const ttlSeconds = there.freshForSeconds
  return path.store(key, policy, lease, { encoded, ttlSeconds, isTooShort: false, tail: item.tail })
}

/** Whether an item may be kept: a refilled value, without tags, that stays fresh for a while. */
function mayStoreAnew({ freshForSeconds }: Finding, { item, mayKeep }: Elsewhere): boolean {
  const { flags } = item
  const isRefill = hasClock(flags) || (flags & Stamp.Refill) !== 0
  return mayKeep && isRefill && !isTagged(flags) && freshForSeconds >= 1
}
