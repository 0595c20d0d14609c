import type { Election, Finding, Lease, Trouble, Verdict } from './finding.ts'
import { isImmutable, NO_CAS, nothing, readValue, UNREADABLE } from './finding.ts'
import type { Elected, FoundEntry, Path } from './path.ts'
import { decided, ELECTION_PAUSE_MS, lost, stamped, won } from './path.ts'
import type { Policy } from './policy.ts'
import { hasClock, isConfirmed, isPlaceholder, Stamp, TAGGED } from './stamp.ts'
import type {
  EncodedItem,
  Item,
  KeyHome,
  Reader,
  ReadHandle,
  RefillStore,
  StoreAnswer,
} from './store.ts'

/** memcached takes larger times to live for dates. */
const MAX_TTL_SECONDS = 2_592_000

/**
 * Refills by memcached's meta commands (doc/protocol.txt, "Meta Commands": the flags N, R, W, Z,
 * X). One `mg` tells fresh, stale or absent and elects the one refiller. The store carries the CAS
 * id that this very `mg` told, so it succeeds only if nothing newer happened; it never carries `I`,
 * which would let an older value replace a newer one.
 *
 * The server never takes the right to refill back. So each lease has an item beside the key, named
 * by the lease's CAS id: its beat. Its holder renews it, a waiter creates it
 * when it is missing, and once it was left alone for the length of a lease one client takes over.
 */
export class MetaPath implements Path {
  protected readonly refillStore: RefillStore

  constructor(store: RefillStore) {
    this.refillStore = store
  }

  read(key: string, policy: Policy, earlySeconds: number, reader: Reader): ReadHandle {
    const below = policy.graceSeconds + earlySeconds + 1
    return this.refillStore.read(key, placeholderSeconds(policy), below, reader)
  }

  isPlainlyFresh(item: Item, policy: Policy): boolean {
    if (!item.found || item.won || item.lost || item.stale) return false
    if ((item.flags & Stamp.Marked) !== 0 || !isConfirmed(item.flags) || item.size === 0)
      return false
    return item.ttlSeconds > policy.graceSeconds || item.ttlSeconds === -1
  }

  /**
   * A refilled item outlives its ttl by the policy's grace, so the seconds it has left are the
   * clock: no process needs one of its own. What a plain set stored is fresh for its whole life.
   */
  judge(item: Item, policy: Policy, earlySeconds: number, decoded?: unknown): Finding {
    const { ttlSeconds, flags } = item
    const { graceSeconds } = policy
    const isEmpty = !item.found || isPlaceholder(item) || !isConfirmed(flags)
    const value = isEmpty ? UNREADABLE : (decoded ?? readValue(item))
    const isRefill = !this.refillStore.isStamped || (flags & Stamp.Refill) !== 0
    const isMarked = item.stale || (isRefill && (flags & Stamp.Marked) !== 0)
    const isEndless = ttlSeconds === -1 || !isRefill
    const isStale = isMarked || (!isEndless && ttlSeconds <= graceSeconds)
    const isEarly = !isEndless && ttlSeconds <= graceSeconds + earlySeconds
    const verdict: Verdict = value === UNREADABLE ? 'absent' : isStale ? 'stale' : 'fresh'
    const mayBeEarly = isEarly && (flags & Stamp.NoEarly) === 0
    const needsRefill = verdict !== 'fresh' || mayBeEarly
    // A mark shortened the life of the placeholder: a load may take longer than is left of it.
    const isShort = isEmpty && item.won && item.stale
    const election = isShort ? 'open' : needsRefill ? electionOf(item, verdict) : 'none'
    return {
      verdict,
      election,
      value: value === UNREADABLE ? undefined : value,
      again: verdict === 'absent' ? nothing : againOf(item, value),
      freshForSeconds: isEndless ? ttlSeconds : Math.max(0, ttlSeconds - graceSeconds),
      staleForSeconds: isEndless && !isMarked ? 0 : staleFor(ttlSeconds, graceSeconds),
      lease: {
        place: item.place(),
        cas: item.cas,
        on: isEmpty ? 'placeholder' : 'item',
        leftSeconds: isEmpty && !item.stale ? ttlSeconds : -1,
      },
      trouble: 'none',
      isUnreadable: !isEmpty && value === UNREADABLE,
      leftSeconds: ttlSeconds,
      tail: isEmpty ? undefined : item.tail,
      ...(verdict === 'stale' ? { staleBecause: isMarked ? 'invalidated' : 'ttl' } : {}),
    }
  }

  /**
   * The read was the election. Left to elect are what this client cannot read, what no read gave to
   * any waiter, and the leases of the dead.
   */
  async elect(key: string, policy: Policy, finding: Finding): Promise<Elected> {
    const { lease } = finding
    // The server did not make the placeholder it was asked for.
    if (lease.cas === '') return decided({ ...finding, election: 'none' })
    if (lease.on === 'placeholder' && finding.election === 'open') {
      return this.replace(key, policy, finding)
    }
    if (finding.isToMark === true) return this.#mark(key, policy, finding)
    const { leaseSeconds } = policy
    // A life this short needs no takeover.
    if (isFleeting(lease, policy) && finding.election === 'lost') return lost(finding, 'none')
    const [beat] = await this.refillStore.exchange(lease.place, key, [
      { name: 'mg', beside: beatName(lease), vivifySeconds: beatSeconds(leaseSeconds) },
    ])
    if (beat!.won) return this.#first(key, policy, finding)
    const trouble = TROUBLES[beat!.flags] ?? 'none'
    const restSeconds = beat!.ttlSeconds - LINGER_LEASES * leaseSeconds
    if (restSeconds > 0) {
      return lost(finding, trouble, Math.max(ELECTION_PAUSE_MS, (restSeconds - 1) * 1000))
    }
    const [taken] = await this.refillStore.exchange(lease.place, key, [
      {
        name: 'ms',
        beside: beatName(lease),
        encoded: beatOf(trouble),
        ttlSeconds: beatSeconds(leaseSeconds),
        cas: beat!.cas,
      },
    ])
    if (taken!.status !== 'done') return lost(finding, trouble)
    return this.#takeOver(key, policy, finding, trouble)
  }

  async beat(key: string, policy: Policy, lease: Lease, trouble: Trouble): Promise<void> {
    await this.#tell(key, lease, trouble, beatSeconds(policy.leaseSeconds))
  }

  async pause(key: string, policy: Policy, lease: Lease): Promise<void> {
    if (isFleeting(lease, policy)) return
    const beatSeconds = LINGER_LEASES * policy.leaseSeconds + pauseSeconds(policy)
    await this.#tell(key, lease, 'failing', beatSeconds)
  }

  async release(key: string, policy: Policy, lease: Lease): Promise<void> {
    const { place, cas, on } = lease
    if (on === 'item') await this.#tell(key, lease, 'none', LINGER_LEASES * policy.leaseSeconds)
    else {
      const beside = on === 'lock' ? LOCK : undefined
      await this.refillStore.exchange(place, key, [{ name: 'md', beside, cas }])
    }
  }

  async store(key: string, policy: Policy, lease: Lease, entry: FoundEntry): Promise<boolean> {
    const [stored] = await this.refillStore.exchange(lease.place, key, [
      {
        name: 'ms',
        encoded: this.stamped(entry, policy, lease),
        ttlSeconds: entry.ttlSeconds + policy.graceSeconds,
        cas: lease.cas,
      },
    ])
    return stored!.status === 'done'
  }

  /**
   * The mark gives the item the grace to live from now. What had less keeps what it had: to
   * invalidate again and again must not keep a value alive. `touch` only ever shortens here, and
   * unlike `mg T` it takes no lease. Without a grace there is nothing to keep.
   */
  async invalidate(key: string, policy: Policy, home?: KeyHome): Promise<boolean> {
    const { graceSeconds } = policy
    if (graceSeconds === 0) {
      const [removed] = await this.refillStore.spread(key, [{ name: 'md' }], home)
      return removed!.status === 'done'
    }
    const [before, marked] = await this.refillStore.spread(
      key,
      [{ name: 'mg' }, { name: 'md', invalidate: true, ttlSeconds: graceSeconds }],
      home,
    )
    const { ttlSeconds, flags } = before!
    if (hasClock(flags)) {
      // Stored by a client that speaks classic commands: its kind cannot see the mark.
      await this.refillStore.spread(key, [{ name: 'md' }], home)
    } else if (ttlSeconds > 0 && ttlSeconds < graceSeconds) {
      await this.refillStore.spread(key, [{ name: 'touch', ttlSeconds }], home)
    }
    return marked!.status === 'done'
  }

  /**
   * The value with the bits of a refill in its flags. Where no item lives as long as it should, it
   * is fresh for the life it has, as a plain set: its stale windows would have begun already.
   */
  protected stamped(entry: FoundEntry, policy: Policy, lease: Lease): EncodedItem {
    const { ttlSeconds, isTooShort } = entry
    const { maxTtlSeconds } = lease.place
    const isCut = maxTtlSeconds > 0 && ttlSeconds + policy.graceSeconds > maxTtlSeconds
    const refill = this.refillStore.isStamped && !isCut ? Stamp.Refill : 0
    return stamped(entry, refill | (isTooShort ? Stamp.NoEarly : 0), TAGGED)
  }

  /**
   * There was no beat. Its holder beats before half of a lease is over: so one whose placeholder is
   * older is dead. Where a lease's age is unknown, its time begins now.
   */
  async #first(key: string, policy: Policy, finding: Finding): Promise<Elected> {
    const { election, lease } = finding
    if (election === 'open') return won(finding, 'none')
    const { leaseSeconds } = policy
    const isOld = placeholderSeconds(policy) - lease.leftSeconds >= leaseSeconds
    if (lease.leftSeconds !== -1 && isOld) return this.#takeOver(key, policy, finding, 'none')
    return lost(finding, 'none', Math.max(ELECTION_PAUSE_MS, (leaseSeconds - 1) * 1000))
  }

  /** What would end before the load, or the pause after it, gives way to one of our own. */
  async #takeOver(
    key: string,
    policy: Policy,
    finding: Finding,
    trouble: Trouble,
  ): Promise<Elected> {
    if (lastsForALoad(finding.lease, policy)) return won(finding, trouble, true)
    const { finding: now, goodForMs } = await this.replace(key, policy, finding)
    if (now.election !== 'won') return { finding: now, goodForMs }
    return won(now, trouble, true)
  }

  /** A placeholder of another client, or one with little left to live: makes one of our own. */
  protected async replace(key: string, policy: Policy, { lease }: Finding): Promise<Elected> {
    const vivifySeconds = placeholderSeconds(policy)
    const refreshBelowSeconds = policy.graceSeconds + 1
    const [, read] = await this.refillStore.exchange(lease.place, key, [
      { name: 'md', cas: lease.cas },
      { name: 'mg', vivifySeconds, refreshBelowSeconds, value: true },
    ])
    const now = this.judge(read!, policy, 0)
    return now.election === 'open' ? lost(now, 'none') : decided(now)
  }

  /**
   * Of all who read this very item one marks it, and the next read of whomever takes the right to
   * refill. A mark shortens the life to the grace, and never prolongs it.
   */
  async #mark(key: string, { graceSeconds }: Policy, finding: Finding): Promise<Elected> {
    const { lease, leftSeconds } = finding
    const isLong = leftSeconds === -1 || leftSeconds > graceSeconds
    const ttl = isLong ? { ttlSeconds: graceSeconds } : {}
    const [marked, read] = await this.refillStore.exchange(lease.place, key, [
      { name: 'md', cas: lease.cas, invalidate: true, ...ttl },
      { name: 'mg' },
    ])
    if (marked!.status !== 'done' || !read!.won) return lost(finding, 'none')
    return won({ ...finding, lease: { ...lease, cas: read!.cas } }, 'none')
  }

  async #tell(key: string, lease: Lease, trouble: Trouble, ttlSeconds: number): Promise<void> {
    await this.refillStore.exchange(lease.place, key, [
      { name: 'ms', beside: beatName(lease), encoded: beatOf(trouble), ttlSeconds },
    ])
  }
}

/** The item beside a key that keeps its loaders apart where the key itself must stay empty. */
export const LOCK = 'lock'

/**
 * How long the placeholder of a miss, or the lock beside the key, lives: its holder cannot prolong
 * it without changing its CAS id. Long enough for one holder to die and another to load, and for
 * the pause should that fail.
 */
export function placeholderSeconds(policy: Policy): number {
  const seconds = 2 * (loadSeconds(policy) + policy.leaseSeconds) + pauseSeconds(policy)
  return Math.min(seconds, MAX_TTL_SECONDS)
}

/** Whether a lease taken now stands until a load has ended, and the pause after its failure. */
export function lastsForALoad({ leftSeconds }: Lease, policy: Policy): boolean {
  const seconds = loadSeconds(policy) + policy.leaseSeconds + pauseSeconds(policy)
  return leftSeconds === -1 || leftSeconds >= Math.min(seconds, MAX_TTL_SECONDS / 2)
}

function loadSeconds({ loaderTimeoutMs }: Policy): number {
  return Math.ceil(loaderTimeoutMs / 1000)
}

/** A second more, because memcached's clock ticks once a second. */
export function pauseSeconds({ errorBackoffSeconds }: Policy): number {
  return errorBackoffSeconds === 0 ? 0 : errorBackoffSeconds + 1
}

/** A beat is over when it has so many leases left to live: what is over can still be seen. */
const LINGER_LEASES = 6

function beatSeconds(leaseSeconds: number): number {
  return (LINGER_LEASES + 1) * leaseSeconds
}

/** Whether items at the lease's place do not live long enough to be counted by. */
function isFleeting({ place }: Lease, { leaseSeconds }: Policy): boolean {
  return place.maxTtlSeconds > 0 && place.maxTtlSeconds < beatSeconds(leaseSeconds)
}

/** What the item of a beat says, by its flags. */
const TROUBLES: readonly Trouble[] = ['none', 'slow', 'failing']

function beatOf(trouble: Trouble): EncodedItem {
  return { body: '', flags: TROUBLES.indexOf(trouble) }
}

function beatName({ cas }: Lease): string {
  return `beat.${cas}`
}

/** A token that was spent on an early refresh that was not wanted is useless now. */
function electionOf(item: Item, verdict: Verdict): Election {
  if (item.cas === NO_CAS) return 'none'
  if (item.won) return 'won'
  const isSpent = (item.flags & Stamp.NoEarly) !== 0
  if (item.lost) return isSpent ? 'open' : 'lost'
  return verdict === 'fresh' ? 'none' : 'open'
}

/** After a mark the item lives for the grace: so this is right for both ways of becoming stale. */
function staleFor(ttlSeconds: number, graceSeconds: number): number {
  return ttlSeconds === -1 ? 0 : Math.max(0, graceSeconds - Math.max(ttlSeconds, 0))
}

/** Decodes the bytes once more. */
export function againOf(item: Item | StoreAnswer, value: unknown): () => unknown {
  if (isImmutable(value)) return () => value
  const kept = item.keep()
  return () => readValue(kept)
}
