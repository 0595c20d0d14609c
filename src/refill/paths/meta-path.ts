import { LOCK } from '../../protocol/own-key.ts'
import type { Election, Finding, Lease, Trouble, Verdict } from '../finding.ts'
import { isImmutable, NO_CAS, nothing, readValue, UNREADABLE } from '../finding.ts'
import type { Policy } from '../policy.ts'
import type {
  EncodedItem,
  Item,
  KeyHome,
  RefillStore,
  StoreAnswer,
  StoreCommand,
} from '../store.ts'
import type { Elected, FoundEntry, Path, StaleWindow } from './path.ts'
import { decided, ELECTION_PAUSE_MS, lost, stamped, won } from './path.ts'
import { hasClock, isConfirmed, isForRefillsOnly, isPlaceholder, Stamp, TAGGED } from './stamp.ts'

/** memcached reads larger TTLs as dates. */
const MAX_TTL_SECONDS = 2_592_000

/**
 * Refills by memcached's meta commands (doc/protocol.txt, "Meta Commands": the flags N, R, W, Z,
 * X). One `mg` finds out whether the item is fresh, stale or absent, and elects one client to
 * refill it. The store carries the CAS id of that same `mg`, so it succeeds only if the item has
 * not changed since. The store never carries `I`, which would let an older value replace a newer
 * one.
 *
 * The server never takes a lease back. So each lease has an item beside the key, its heartbeat,
 * named after the lease's CAS id. The holder renews the heartbeat. A waiting client creates a
 * missing heartbeat; when no client has renewed it for the length of a lease, one takes the lease
 * over.
 */
export class MetaPath implements Path {
  protected readonly refillStore: RefillStore

  constructor(store: RefillStore) {
    this.refillStore = store
  }

  isPlainlyFresh(item: Item, policy: Policy): boolean {
    if (!item.found || item.won || item.lost || item.stale) return false
    if ((item.flags & Stamp.Marked) !== 0 || !isConfirmed(item.flags) || item.size === 0)
      return false
    return item.ttlSeconds > policy.graceSeconds || item.ttlSeconds === -1
  }

  /**
   * Judges an item by its remaining lifetime: a refilled item outlives its ttl by the policy's
   * grace, so processes need no clock of their own. A value of a plain set is fresh for its whole
   * lifetime.
   */
  judge(item: Item, policy: Policy, earlySeconds: number, decoded?: unknown): Finding {
    const { ttlSeconds, flags } = item
    const { graceSeconds } = policy
    const isEmpty = !item.found || isPlaceholder(item) || !isConfirmed(flags)
    const isRefill = !this.refillStore.isStamped || (flags & Stamp.Refill) !== 0
    const isMarked = item.stale || (isRefill && (flags & Stamp.Marked) !== 0)
    // A client that did not know the policy marked it instead of deleting it.
    const isOver = isMarked && graceSeconds === 0
    const value = isEmpty || isOver ? UNREADABLE : (decoded ?? readValue(item))
    const isEndless = ttlSeconds === -1 || !isRefill
    const isStale = isMarked || (!isEndless && ttlSeconds <= graceSeconds)
    const isEarly = !isEndless && ttlSeconds <= graceSeconds + earlySeconds
    const verdict: Verdict = value === UNREADABLE ? 'absent' : isStale ? 'stale' : 'fresh'
    const mayBeEarly = isEarly && (flags & Stamp.NoEarly) === 0
    const needsRefill = verdict !== 'fresh' || mayBeEarly
    // A mark may have shortened the placeholder's lifetime. It could expire before the load ends,
    // so it is replaced first.
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
      isUnreadable: !isEmpty && !isOver && value === UNREADABLE,
      leftSeconds: ttlSeconds,
      tail: isEmpty ? undefined : item.tail,
      ...(verdict === 'stale' ? { staleBecause: isMarked ? 'invalidated' : 'ttl' } : {}),
    }
  }

  /**
   * Tries for the lease. Usually the read itself has decided who refills. This is for the rest:
   * unreadable values, items that no waiting client won, and leases whose holder may have died.
   */
  async elect(key: string, policy: Policy, finding: Finding): Promise<Elected> {
    const { lease } = finding
    // The server did not create the placeholder that the read requested, so there is no lease to
    // win.
    if (lease.cas === '') return decided({ ...finding, election: 'none' })
    if (lease.on === 'placeholder' && finding.election === 'open') {
      return this.replace(key, policy, finding)
    }
    if (finding.isToMark === true) return this.#mark(key, policy, finding)
    const { leaseSeconds } = policy
    // Items live too short here for a heartbeat. Do not take the lease over: it soon ends by
    // itself.
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
   * Marks the item stale, so that it lives for the grace from now. An item with less keeps its
   * lifetime: repeated invalidations must not keep a value alive. `touch` only shortens the
   * lifetime here, and unlike `mg T` it does not win the lease. Without a grace the item is
   * deleted.
   */
  async invalidate(key: string, window: StaleWindow, home?: KeyHome): Promise<boolean> {
    const { graceSeconds, isKnown } = window
    if (graceSeconds === 0 && isKnown) {
      const [removed] = await this.refillStore.spread(key, [{ name: 'md' }], home)
      return removed!.status === 'done'
    }
    const ttl = isKnown ? { ttlSeconds: graceSeconds } : {}
    const [before, marked] = await this.refillStore.spread(
      key,
      [{ name: 'mg' }, { name: 'md', invalidate: true, ...ttl }],
      home,
    )
    const after = before!.found ? this.#afterMark(before!, window) : undefined
    if (after !== undefined) await this.refillStore.spread(key, [after], home)
    return marked!.status === 'done'
  }

  /** Returns the command that a marked item still needs; undefined if its lifetime is right. */
  #afterMark(item: Item, { graceSeconds, isKnown }: StaleWindow): StoreCommand | undefined {
    const { flags, ttlSeconds } = item
    // A client with classic commands stored it. Such clients cannot see the mark, so delete it.
    if (hasClock(flags)) return { name: 'md' }
    // A mark may shorten a lifetime, but must not extend it.
    if (isKnown) {
      const isLonger = ttlSeconds > 0 && ttlSeconds < graceSeconds
      return isLonger ? { name: 'touch', ttlSeconds } : undefined
    }
    const isForRefills = this.refillStore.isStamped && isForRefillsOnly(flags)
    if (isForRefills || isPlaceholder(item)) return undefined
    if (graceSeconds === 0) return { name: 'md' }
    const isShorter = ttlSeconds !== -1 && ttlSeconds <= graceSeconds
    return isShorter ? undefined : { name: 'touch', ttlSeconds: graceSeconds }
  }

  /**
   * Returns the value with the flag bits of a refill. If the host limits lifetimes below what the
   * policy needs, the value is stored like a plain set, fresh for its whole lifetime: its stale
   * window would already have begun.
   */
  protected stamped(entry: FoundEntry, policy: Policy, lease: Lease): EncodedItem {
    const { ttlSeconds, isTooShort } = entry
    const { maxTtlSeconds } = lease.place
    const isCut = maxTtlSeconds > 0 && ttlSeconds + policy.graceSeconds > maxTtlSeconds
    const refill = this.refillStore.isStamped && !isCut ? Stamp.Refill : 0
    return stamped(entry, refill | (isTooShort ? Stamp.NoEarly : 0), TAGGED)
  }

  /**
   * Handles a lease without a heartbeat. A holder sends the first one within half a lease. So if
   * the placeholder is older than a lease, the holder is dead. If the lease's age is unknown, its
   * time starts now.
   */
  async #first(key: string, policy: Policy, finding: Finding): Promise<Elected> {
    const { election, lease } = finding
    if (election === 'open') return won(finding, 'none')
    const { leaseSeconds } = policy
    const isOld = placeholderSeconds(policy) - lease.leftSeconds >= leaseSeconds
    if (lease.leftSeconds !== -1 && isOld) return this.#takeOver(key, policy, finding, 'none')
    return lost(finding, 'none', Math.max(ELECTION_PAUSE_MS, (leaseSeconds - 1) * 1000))
  }

  /**
   * Wins a dead holder's lease; first replaces an item that would expire before the load and the
   * pause after it.
   */
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

  /** Replaces a foreign or expiring placeholder by a new one. */
  protected async replace(key: string, policy: Policy, { lease }: Finding): Promise<Elected> {
    const vivifySeconds = placeholderSeconds(policy)
    const refreshBelowSeconds = policy.graceSeconds + 1
    const [, read] = await this.refillStore.exchange(lease.place, key, [
      { name: 'md', cas: lease.cas },
      { name: 'mg', vivifySeconds, refreshBelowSeconds, value: true },
    ])
    const now = this.judge(read!, policy, 0)
    // The key was invalidated in between, and this read may have won the lease of the marked item.
    return now.election === 'open' ? this.elect(key, policy, now) : decided(now)
  }

  /**
   * Marks a fresh value, so that one of its readers wins the lease: the first read after the mark.
   * A mark can shorten the lifetime to the grace, but never extends it.
   */
  async #mark(key: string, { graceSeconds }: Policy, finding: Finding): Promise<Elected> {
    const { lease, leftSeconds } = finding
    const isLong = leftSeconds === -1 || leftSeconds > graceSeconds
    const ttl = isLong ? { ttlSeconds: graceSeconds } : {}
    const [, read] = await this.refillStore.exchange(lease.place, key, [
      { name: 'md', cas: lease.cas, invalidate: true, ...ttl },
      { name: 'mg' },
    ])
    // Another client may have marked the value: then the read can win the lease all the same.
    if (!read!.won) return lost(finding, 'none')
    return won({ ...finding, lease: { ...lease, cas: read!.cas } }, 'none')
  }

  async #tell(key: string, lease: Lease, trouble: Trouble, ttlSeconds: number): Promise<void> {
    await this.refillStore.exchange(lease.place, key, [
      { name: 'ms', beside: beatName(lease), encoded: beatOf(trouble), ttlSeconds },
    ])
  }
}

/**
 * Returns the lifetime of a placeholder or lock. Its holder cannot extend it without changing its
 * CAS id, so it is long enough for a holder to die, another to load, and the pause if that fails.
 */
export function placeholderSeconds(policy: Policy): number {
  const seconds = 2 * (loadSeconds(policy) + policy.leaseSeconds) + pauseSeconds(policy)
  return Math.min(seconds, MAX_TTL_SECONDS)
}

/** Whether a lease taken now lasts until the load ends and the pause after its failure. */
export function lastsForALoad({ leftSeconds }: Lease, policy: Policy): boolean {
  const seconds = loadSeconds(policy) + policy.leaseSeconds + pauseSeconds(policy)
  return leftSeconds === -1 || leftSeconds >= Math.min(seconds, MAX_TTL_SECONDS / 2)
}

function loadSeconds({ loaderTimeoutMs }: Policy): number {
  return Math.ceil(loaderTimeoutMs / 1000)
}

/** Plus one second, because memcached's clock ticks once a second. */
export function pauseSeconds({ errorBackoffSeconds }: Policy): number {
  return errorBackoffSeconds === 0 ? 0 : errorBackoffSeconds + 1
}

/**
 * How many leases longer a heartbeat can be read than it counts. The server keeps it that long, so
 * that clients see when it stopped counting.
 */
const LINGER_LEASES = 6

function beatSeconds(leaseSeconds: number): number {
  return (LINGER_LEASES + 1) * leaseSeconds
}

/** Whether the server limits lifetimes so much that a heartbeat would expire too soon. */
function isFleeting({ place }: Lease, { leaseSeconds }: Policy): boolean {
  return place.maxTtlSeconds > 0 && place.maxTtlSeconds < beatSeconds(leaseSeconds)
}

/** The flags of a heartbeat are an index into this list: how the load of its holder goes. */
const TROUBLES: readonly Trouble[] = ['none', 'slow', 'failing']

function beatOf(trouble: Trouble): EncodedItem {
  return { body: '', flags: TROUBLES.indexOf(trouble) }
}

function beatName({ cas }: Lease): string {
  return `beat.${cas}`
}

/**
 * Returns who may refill, as far as the read itself decided it. `open`: the win token was spent on
 * an early refresh that this policy does not want, so another command must decide.
 */
function electionOf(item: Item, verdict: Verdict): Election {
  if (item.cas === NO_CAS) return 'none'
  if (item.won) return 'won'
  const isSpent = (item.flags & Stamp.NoEarly) !== 0
  if (item.lost) return isSpent ? 'open' : 'lost'
  return verdict === 'fresh' ? 'none' : 'open'
}

/**
 * Returns how long a value has been stale. A value that was marked stale, like one past its ttl,
 * has the grace (the longer stale window) left to live at first.
 */
function staleFor(ttlSeconds: number, graceSeconds: number): number {
  return ttlSeconds === -1 ? 0 : Math.max(0, graceSeconds - Math.max(ttlSeconds, 0))
}

/** Returns a function that decodes the bytes again. */
export function againOf(item: Item | StoreAnswer, value: unknown): () => unknown {
  if (isImmutable(value)) return () => value
  const kept = item.keep()
  return () => readValue(kept)
}
