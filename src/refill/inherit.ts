import type { Finding } from './finding.ts'
import type { Path, StaleWindow } from './paths/path.ts'
import { CODEC_FLAGS, hasClock, isTagged, Stamp } from './paths/stamp.ts'
import type { Policy } from './policy.ts'
import type { Elsewhere, Item, RefillStore } from './store.ts'
import { pageWithTags, READ_TAGS } from './tags/sidecar.ts'

/** What a lookup at the other host of a moving key needs. */
export interface Heir {
  readonly store: RefillStore
  /**
   * Returns the read result with its value decoded. If it cannot be decoded, the key counts as
   * absent.
   */
  decoded(finding: Finding): Promise<Finding>
  inBackground(work: Promise<void>): void
}

interface Terms {
  readonly key: string
  readonly policy: Policy
}

/** Compares the tag versions of a read result with the current ones. */
type Judge = (finding: Finding) => Finding | Promise<Finding>

/**
 * Reads a moving key on its other host, after it was missing on the one that reads use. Undefined
 * for a key that does not move.
 */
export function elsewhere(
  terms: Terms,
  finding: Finding,
  path: Path,
  heir: Heir,
  judge: Judge,
): Promise<Finding> | undefined {
  const { isSidecar, tagText } = terms.policy
  const hasTagsBeside = isSidecar && tagText !== undefined
  const looking = heir.store.elsewhere?.(terms.key, hasTagsBeside ? [READ_TAGS] : [])
  if (looking === undefined) return undefined
  const found = hasTagsBeside ? looking.then(withTagsBeside) : looking
  // If the other host cannot be read, the key stays a miss.
  return inherited(terms, finding, found, path, heir, judge).catch(() => finding)
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
  path: Path,
  heir: Heir,
  judge: Judge,
): Promise<Finding> {
  const found = await looking
  if (found === undefined) return finding
  const there = await judge(await heir.decoded(path.judge(found.item, terms.policy, 0)))
  const { election, lease, trouble } = finding
  if (there.verdict === 'absent') return finding
  if (there.verdict === 'stale') return { ...there, election, lease, trouble, isToMark: false }
  if (election === 'won' && lease.on === 'placeholder') {
    await keepOrLetGo(terms, finding, found, path, heir.store)
  } else if (election === 'open' && found.mayKeep) {
    heir.inBackground(storeAnew(terms, finding, there, found.item, path).catch(() => {}))
  }
  return { ...there, election: 'none' }
}

/** Marks a key stale on its host; on both if it moves. */
export async function invalidateHomes(
  key: string,
  window: StaleWindow,
  path: Path,
  store: RefillStore,
): Promise<boolean> {
  let wasThere = false
  for (;;) {
    const homes = store.homesOf?.(key)
    for (const home of homes ?? [undefined])
      wasThere = (await path.invalidate(key, window, home)) || wasThere
    // If the key's hosts changed meanwhile, the new ones did not get the mark: repeat.
    if (store.homesOf?.(key) === homes) return wasThere
  }
}

/**
 * Copies the item with its flags, bytes and remaining lifetime; releases the lease if that is not
 * possible.
 */
async function keepOrLetGo(
  { key, policy }: Terms,
  { lease }: Finding,
  { item, mayKeep }: Elsewhere,
  path: Path,
  store: RefillStore,
): Promise<void> {
  if (!mayKeep || hasClock(item.flags)) return path.release(key, policy, lease)
  const encoded = { body: item.bytes(), flags: item.flags }
  const ttlSeconds = Math.max(0, item.ttlSeconds)
  await store.exchange(lease.place, key, [{ name: 'ms', encoded, ttlSeconds, cas: lease.cas }])
}

/**
 * Stores an item of the other host as a load would. Used if a single command cannot store it under
 * the lease. Skips plain sets, whose remaining lifetime is unknown.
 */
async function storeAnew(
  { key, policy }: Terms,
  finding: Finding,
  { freshForSeconds }: Finding,
  item: Item,
  path: Path,
): Promise<void> {
  const isRefill = hasClock(item.flags) || (item.flags & Stamp.Refill) !== 0
  if (!isRefill || isTagged(item.flags) || freshForSeconds < 1) return
  const { finding: elected } = await path.elect(key, policy, finding)
  if (elected.election !== 'won') return
  const encoded = { body: item.bytes(), flags: item.flags & CODEC_FLAGS }
  const entry = { encoded, ttlSeconds: freshForSeconds, isTooShort: false, tail: item.tail }
  const isStored = await path.store(key, policy, elected.lease, entry)
  if (!isStored) await path.release(key, policy, elected.lease)
}
