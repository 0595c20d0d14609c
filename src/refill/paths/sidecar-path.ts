import { LOCK } from '../../protocol/own-key.ts'
import type { Tail } from '../../tags/tail.ts'
import { type Finding, type Lease, NO_CAS } from '../finding.ts'
import type { Policy } from '../policy.ts'
import type {
  EncodedItem,
  Item,
  KeyHome,
  Reader,
  ReadHandle,
  RefillStore,
  StoreAnswer,
  StoreCommand,
} from '../store.ts'
import { MetaPath, placeholderSeconds } from './meta-path.ts'
import type { Elected, FoundEntry, StaleWindow } from './path.ts'
import { decided, won } from './path.ts'
import { READ_BY_OTHERS, Stamp } from './stamp.ts'

/**
 * The lifetime of a page that is stored but not confirmed yet: the lock is checked once more first.
 */
const UNCONFIRMED_SECONDS = 2

/** A page to store, and the item beside it. */
interface Page {
  readonly encoded: EncodedItem
  readonly ttlSeconds: number
  readonly leaseSeconds: number
  readonly tail: Tail | undefined
}

/**
 * The meta path for keys that other programs read as plain bytes. The key itself never has a
 * placeholder, because nginx would serve it as an empty page. Clients compete for a miss with a
 * lock beside the key.
 *
 * So a missing key has no CAS id that an invalidation could change. Instead, every invalidation
 * first deletes the lock and then marks the key. A store of a missing key takes four steps:
 * 1. Check that the lock is still its own.
 * 2. Add the value with the flag Unconfirmed and 2 s to live.
 * 3. Check the lock again.
 * 4. Store the value for good, under the CAS id of the added one.
 *
 * If an invalidation deletes the lock before step 3, the check fails. If it comes later, it changes
 * the CAS id of the added value, and step 4 fails.
 */
export class SidecarPath extends MetaPath {
  /** Judges an item; only the lock gives the lease of a missing or unconfirmed value. */
  override judge(item: Item, policy: Policy, earlySeconds: number, decoded?: unknown): Finding {
    const finding = super.judge(item, policy, earlySeconds, decoded)
    if (item.awaitsTags === true && finding.election === 'none') {
      return { ...finding, election: 'lost' }
    }
    if (finding.verdict !== 'absent' || finding.isUnreadable) return finding
    const lease: Lease = { ...finding.lease, cas: '', on: 'lock' }
    return { ...finding, election: 'open', lease }
  }

  /**
   * Tries for the lease by the lock beside the key. Reads the key again after the lock in the same
   * exchange, because the last holder may just have stored.
   */
  override async elect(key: string, policy: Policy, finding: Finding): Promise<Elected> {
    const { lease } = finding
    if (lease.on !== 'lock' || lease.cas !== '') return super.elect(key, policy, finding)
    const isTagged = policy.tagText !== undefined
    const [lock, main, tags] = await this.refillStore.exchange(lease.place, key, [
      { name: 'mg', beside: LOCK, vivifySeconds: placeholderSeconds(policy) },
      { name: 'mg', value: true, refreshBelowSeconds: policy.graceSeconds + 1 },
      ...(isTagged ? [READ_TAGS] : []),
    ])
    const now = this.judge(isTagged ? pageWithTags(main!, tags) : main!, policy, 0)
    const behind = lockLease(lock!)
    if (now.verdict !== 'absent' || now.lease.on !== 'lock') {
      if (lock!.won) await this.release(key, policy, behind)
      return now.election === 'open' ? super.elect(key, policy, now) : decided(now)
    }
    // Without CAS ids no client can hold a lock.
    if (behind.cas === NO_CAS) return decided({ ...now, election: 'none' })
    const cold: Finding = { ...now, lease: behind }
    if (!lock!.won) return super.elect(key, policy, { ...cold, election: 'lost' })
    if (main!.found) await this.#remove(key, behind, main!)
    return won(cold, 'none')
  }

  /** Replaces a lock that would expire during the load: releases it and tries for a new one. */
  protected override async replace(
    key: string,
    policy: Policy,
    finding: Finding,
  ): Promise<Elected> {
    const { lease } = finding
    if (lease.on !== 'lock') return super.replace(key, policy, finding)
    await this.release(key, policy, lease)
    return this.elect(key, policy, { ...finding, lease: { ...lease, cas: '' } })
  }

  override async store(
    key: string,
    policy: Policy,
    lease: Lease,
    { tail, ...entry }: FoundEntry,
  ): Promise<boolean> {
    const { body, flags } = this.stamped({ ...entry, tail: undefined }, policy, lease)
    const encoded = { body, flags: this.refillStore.isStamped ? flags | READ_BY_OTHERS : flags }
    const ttlSeconds = entry.ttlSeconds + policy.graceSeconds
    const page: Page = { encoded, ttlSeconds, tail, leaseSeconds: policy.leaseSeconds }
    const cas = await (lease.on === 'lock'
      ? this.#storeCold(key, policy, lease, page)
      : this.#storeOver(key, lease, lease.cas, page))
    if (cas === undefined) return false
    if (tail === undefined) return true
    const { place } = lease
    // A failure to store the tags is ignored: the page then counts as stale.
    await this.refillStore.exchange(place, key, [tagsOfPage(cas, tail, ttlSeconds)]).catch(() => {})
    return true
  }

  async #storeCold(
    key: string,
    policy: Policy,
    lease: Lease,
    page: Page,
  ): Promise<string | undefined> {
    // Check the lock before the value is added, because nginx serves unconfirmed values too.
    if (!(await this.#holds(key, lease))) return undefined
    const { body, flags } = page.encoded
    // Without READ_BY_OTHERS, whose bit would say that the body ends in tags.
    const unconfirmed = (flags & ~READ_BY_OTHERS) | Stamp.Unconfirmed
    const [added, lock] = await this.refillStore.exchange(lease.place, key, [
      {
        name: 'ms',
        encoded: { body, flags: unconfirmed },
        ttlSeconds: UNCONFIRMED_SECONDS,
        add: true,
      },
      { name: 'mg', beside: LOCK },
    ])
    if (added!.status !== 'done') {
      await this.release(key, policy, lease)
      return undefined
    }
    if (!lock!.found || lock!.cas !== lease.cas) {
      await this.#remove(key, lease, added!)
      return undefined
    }
    const unlock: StoreCommand = { name: 'md', beside: LOCK, cas: lease.cas }
    return this.#storeOver(key, lease, added!.cas, page, [unlock])
  }

  /** Stores a page over the item that has this CAS id. Resolves to the CAS id of the page. */
  async #storeOver(
    key: string,
    { place }: Lease,
    cas: string,
    { encoded, ttlSeconds, tail, leaseSeconds }: Page,
    after: readonly StoreCommand[] = [],
  ): Promise<string | undefined> {
    const tellsCas = tail !== undefined
    const ahead = tellsCas ? [tagsToCome(leaseSeconds)] : []
    const answers = await this.refillStore.exchange(place, key, [
      ...ahead,
      { name: 'ms', encoded, ttlSeconds, cas, tellsCas },
      ...after,
    ])
    const stored = answers[ahead.length]!
    return stored.status === 'done' ? stored.cas : undefined
  }

  /** Deletes the lock and then marks the key; the order must hold on any connections. */
  override async invalidate(key: string, window: StaleWindow, home?: KeyHome): Promise<boolean> {
    await this.refillStore.spread(key, [{ name: 'md', beside: LOCK }], home)
    return super.invalidate(key, window, home)
  }

  async #holds(key: string, { place, cas }: Lease): Promise<boolean> {
    const [lock] = await this.refillStore.exchange(place, key, [{ name: 'mg', beside: LOCK }])
    return lock!.found && lock!.cas === cas
  }

  async #remove(key: string, { place }: Lease, { cas }: StoreAnswer): Promise<void> {
    await this.refillStore.exchange(place, key, [{ name: 'md', cas }])
  }
}

function lockLease(lock: Item): Lease {
  return { place: lock.place(), cas: lock.cas, on: 'lock', leftSeconds: lock.ttlSeconds }
}

/**
 * The tags of a page that other programs read as plain bytes: they are in an item beside the page.
 * That item contains the CAS id of its page, because the two are stored one after the other. Tags
 * with another CAS id, or from another life of the server, are ignored.
 *
 * An empty item means that the page is being replaced and its tags follow: the page is stale, but
 * other clients need not refill it. If the writer dies, the item stays empty for as long as a
 * lease.
 */
const TAGS = 'tags'

/** Reads the item in which the tags of a page are stored, beside the page. */
export const READ_TAGS: StoreCommand = { name: 'mg', beside: TAGS, value: true }

/** Returns the command that announces tags; it is sent before the page. */
function tagsToCome(ttlSeconds: number): StoreCommand {
  return { name: 'ms', beside: TAGS, encoded: { body: '', flags: 0 }, ttlSeconds }
}

/** Returns the command that stores the tags of the page with this CAS id. */
function tagsOfPage(cas: string, tail: Tail, ttlSeconds: number): StoreCommand {
  const body = `${cas} ${tail.digest} ${tail.hard} ${tail.text}`
  return { name: 'ms', beside: TAGS, encoded: { body, flags: 0 }, ttlSeconds }
}

/**
 * Reads a page, and then its tags. A writer replaces the tags before the page, so a new page is
 * never read with old tags.
 */
export function readPage(
  store: RefillStore,
  key: string,
  refreshBelowSeconds: number,
  reader: Reader,
): ReadHandle {
  let tags: Promise<StoreAnswer | undefined>
  const handle = store.read(key, 0, refreshBelowSeconds, {
    answered(item) {
      if (!item.found) return reader.answered(item)
      const page = item.keep()
      return tags.then((answer) => reader.answered(pageWithTags(page, answer)))
    },
    failed: (error) => reader.failed(error),
  })
  tags = readTags(store, key)
  return handle
}

async function readTags(store: RefillStore, key: string): Promise<StoreAnswer | undefined> {
  await store.ready?.(key)
  const place = store.place(key)
  if (place === undefined) return undefined
  const answers = store.exchange(place, key, [READ_TAGS])
  // A page whose tags cannot be read counts as one without tags.
  return answers.then(
    ([tags]) => tags,
    () => undefined,
  )
}

/** Returns the page with the tags beside it, if they belong to it. */
export function pageWithTags(page: Item, beside: StoreAnswer | undefined): Item {
  const isBeside = beside?.found === true && beside.place() === page.place()
  const text = isBeside ? Buffer.from(beside.bytes()).toString('latin1') : ' '
  const tail = tailOf(text, page.cas)
  const { found, flags, size, ttlSeconds, won, lost, stale, cas } = page
  const item: Item = {
    ...{ found, flags, size, ttlSeconds, won, lost, stale, cas, tail },
    awaitsTags: text === '',
    hasDigest: (digest) => tail?.digest === digest,
    place: () => page.place(),
    decode: () => page.decode(),
    bytes: () => page.bytes(),
    keep: () => item,
  }
  return item
}

function tailOf(text: string, cas: string): Tail | undefined {
  const [named, digest, hard] = text.split(' ', 3)
  if (named !== cas || digest === undefined || hard === undefined) return undefined
  return { digest, hard, text: text.slice(named.length + digest.length + hard.length + 3) }
}
