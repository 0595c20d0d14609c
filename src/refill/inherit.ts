import type { Finding } from './finding.ts'
import type { Path } from './path.ts'
import type { Policy } from './policy.ts'
import { hasClock, isTagged, Stamp } from './stamp.ts'
import type { Elsewhere, Item, RefillStore } from './store.ts'

/** What looking at the other home of a key takes. */
export interface Heir {
  readonly store: RefillStore
  /** The same once its value is decoded, or found to be unreadable. */
  decoded(finding: Finding): Promise<Finding>
  inBackground(work: Promise<void>): void
}

interface Terms {
  readonly key: string
  readonly policy: Policy
}

/** What there is at the other home of a key that moves; undefined for one that does not. */
export function elsewhere(
  terms: Terms,
  finding: Finding,
  path: Path,
  heir: Heir,
): Promise<Finding> | undefined {
  const looking = heir.store.elsewhere?.(terms.key)
  if (looking === undefined) return undefined
  // One that cannot be asked has nothing.
  return inherited(terms, finding, looking, path, heir).catch(() => finding)
}

/**
 * What a read finds that found nothing where it asked, but something at the other home of a key
 * that moves. Fresh: it is stored here, under the lease that the read won, with what is left of its
 * life. Stale: it is served, while the holder of the lease here loads.
 */
async function inherited(
  terms: Terms,
  finding: Finding,
  looking: Promise<Elsewhere | undefined>,
  path: Path,
  heir: Heir,
): Promise<Finding> {
  const found = await looking
  if (found === undefined) return finding
  const there = await heir.decoded(path.judge(found.item, terms.policy, 0))
  const { election, lease, trouble } = finding
  if (there.verdict === 'absent') return finding
  if (there.verdict === 'stale') return { ...there, election, lease, trouble }
  if (election === 'won' && lease.on === 'placeholder') {
    await keepOrLetGo(terms, finding, found, path, heir.store)
  } else if (election === 'open' && found.mayKeep) {
    heir.inBackground(storeAnew(terms, finding, there, found.item, path).catch(() => {}))
  }
  return { ...there, election: 'none' }
}

/** Marks a key stale wherever it may be. */
export async function invalidateHomes(
  key: string,
  policy: Policy,
  path: Path,
  store: RefillStore,
): Promise<boolean> {
  let wasThere = false
  for (;;) {
    const homes = store.homesOf?.(key)
    for (const home of homes ?? [undefined])
      wasThere = (await path.invalidate(key, policy, home)) || wasThere
    // The homes may be others by now, which have not heard of it.
    if (store.homesOf?.(key) === homes) return wasThere
  }
}

/** The very item: flags, bytes and what is left of its life. */
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

/** As a load would: where a lease takes commands of its own. A plain set has no life to be told. */
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
  const encoded = { body: item.bytes(), flags: item.flags & 0xff }
  const entry = { encoded, ttlSeconds: freshForSeconds, isTooShort: false, tail: undefined }
  const isStored = await path.store(key, policy, elected.lease, entry)
  if (!isStored) await path.release(key, policy, elected.lease)
}
