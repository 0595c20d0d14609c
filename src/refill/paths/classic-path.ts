import type { Clock } from '../../clock.ts'
import { isMintringError, type MintringError } from '../../errors.ts'
import type { Election, Finding, Lease, Trouble } from '../finding.ts'
import { isSameLease, NO_CAS, nothing, readValue, UNREADABLE } from '../finding.ts'
import type { Policy } from '../policy.ts'
import type { EncodedItem, Item, KeyHome, RefillStore, StoreCommand } from '../store.ts'
import { readItem } from '../store.ts'
import { againOf, lastsForALoad, pauseSeconds, placeholderSeconds } from './meta-path.ts'
import type { Elected, FoundEntry, Path, StaleWindow } from './path.ts'
import { decided, lost, stamped, won } from './path.ts'
import {
  CODEC_FLAGS,
  clockBits,
  freshForSeconds,
  isConfirmed,
  isPlaceholder,
  isTagged,
  Stamp,
} from './stamp.ts'

/** How many times an invalidation tries to mark a changing value before it deletes it. */
const MARK_ATTEMPTS = 4

/**
 * Refills by classic commands, for servers and proxies without meta commands. The time at which a
 * value becomes stale is in its client flags; its bytes are as any client would store them. A miss
 * is filled with an empty item, so that there is always a CAS id. The lease is a lock beside the
 * key, named after that CAS id, so a changed value never has an old lock. A lock expires with its
 * lease, so the lock of a dead holder expires by itself.
 */
export class ClassicPath implements Path {
  readonly #store: RefillStore
  readonly #clock: Clock

  constructor(store: RefillStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  isPlainlyFresh(item: Item, _policy: Policy, earlySeconds: number): boolean {
    const { found, size, flags } = item
    if (!found || size === 0 || (flags & (Stamp.Unconfirmed | Stamp.Marked)) !== 0) return false
    if ((flags & Stamp.Refill) === 0) return true
    return (this.#freshFor(flags) ?? 0) > earlySeconds
  }

  judge(item: Item, policy: Policy, earlySeconds: number, decoded?: unknown): Finding {
    const { found, flags } = item
    const isEmpty = !found || isPlaceholder(item) || !isConfirmed(flags)
    const isMarked = (flags & (Stamp.Refill | Stamp.Marked)) === (Stamp.Refill | Stamp.Marked)
    // A client that did not know the policy marked it instead of deleting it.
    const isOver = isMarked && policy.graceSeconds === 0
    const value = isEmpty || isOver ? UNREADABLE : (decoded ?? readValue(item))
    const lease: Lease = {
      place: item.place(),
      cas: found ? item.cas : '',
      on: isEmpty ? 'placeholder' : 'item',
      leftSeconds: found && isEmpty ? Math.max(0, this.#freshFor(flags) ?? 0) : -1,
    }
    const isUnreadable = !isEmpty && !isOver && value === UNREADABLE
    const times = { freshForSeconds: 0, staleForSeconds: 0 }
    const { ttlSeconds: leftSeconds, tail } = item
    const basis = { ...times, lease, trouble: 'none', isUnreadable, leftSeconds, tail } as const
    const open: Election = lease.cas === NO_CAS ? 'none' : 'open'
    if (value === UNREADABLE) {
      return { ...basis, verdict: 'absent', election: open, value: undefined, again: nothing }
    }
    const known = { ...basis, value, again: againOf(item, value) }
    if ((flags & Stamp.Refill) === 0) {
      return { ...known, verdict: 'fresh', election: 'none', freshForSeconds: -1 }
    }
    // A value without a clock was stored by meta commands. Treat it as stale, because classic
    // commands cannot see its stale mark.
    const freshForSeconds = this.#freshFor(flags) ?? 0
    if (isMarked || freshForSeconds <= 0) {
      const staleForSeconds = Math.max(0, -freshForSeconds)
      const staleBecause = isMarked ? 'invalidated' : 'ttl'
      return { ...known, verdict: 'stale', election: open, staleForSeconds, staleBecause }
    }
    const isEarly = freshForSeconds <= earlySeconds && (flags & Stamp.NoEarly) === 0
    const election = isEarly ? open : 'none'
    return { ...known, verdict: 'fresh', election, freshForSeconds }
  }

  async elect(key: string, policy: Policy, finding: Finding): Promise<Elected> {
    const now = finding.lease.cas === '' ? await this.#fill(key, policy, finding) : finding
    if (now.election !== 'open') return decided(now)
    const { trouble } = finding
    const beside = lockName(now.lease)
    const answers = this.#store.exchange(now.lease.place, key, [
      { name: 'add', beside, encoded: lockOf(trouble), ttlSeconds: policy.leaseSeconds },
      { name: 'gets', beside },
    ])
    const [added, lock] = (await answers.catch(unless('MINTRING_REFUSED'))) ?? []
    // The lock's server may be down behind a proxy. Then load without a lock: only the CAS id
    // guards the store.
    if (added === undefined) return won(now, trouble)
    if (added.status === 'done') return this.#take(key, policy, now, trouble)
    return lost(now, TROUBLES[lock!.flags] ?? 'none')
  }

  /**
   * Renews the lock. If the lock had already expired, two loads may run, and only one of their
   * values is stored.
   */
  async beat(key: string, policy: Policy, lease: Lease, trouble: Trouble): Promise<void> {
    await this.#lock(key, lease, trouble, policy.leaseSeconds)
  }

  async pause(key: string, policy: Policy, lease: Lease): Promise<void> {
    const seconds = pauseSeconds(policy)
    if (seconds === 0) await this.release(key, policy, lease)
    else await this.#lock(key, lease, 'failing', seconds)
  }

  async release(key: string, _policy: Policy, lease: Lease): Promise<void> {
    const unlock: StoreCommand = { name: 'delete', beside: lockName(lease) }
    const encoded = this.#empty(0)
    const empty: StoreCommand = { name: 'cas', encoded, ttlSeconds: -1, cas: lease.cas }
    const commands = lease.on === 'item' ? [unlock] : [empty, unlock]
    await this.#store.exchange(lease.place, key, commands)
  }

  async store(key: string, policy: Policy, lease: Lease, entry: FoundEntry): Promise<boolean> {
    const { ttlSeconds, isTooShort } = entry
    const { graceSeconds } = policy
    const nowSeconds = this.#clock.unixSeconds()
    const lifeSeconds = Math.max(ttlSeconds, graceSeconds)
    const clock = clockBits(nowSeconds + ttlSeconds, nowSeconds, lifeSeconds)
    const bits = Stamp.Refill + (isTooShort ? Stamp.NoEarly : 0) + clock
    const [stored] = await this.#store.exchange(lease.place, key, [
      {
        name: 'cas',
        encoded: stamped(entry, bits, Stamp.Unconfirmed),
        ttlSeconds: ttlSeconds + graceSeconds,
        cas: lease.cas,
      },
    ])
    return stored!.status === 'done'
  }

  /**
   * Marks a value stale by writing it back with other flags, if it is unchanged. Deletes a value
   * that no refill stored, because its remaining lifetime is unknown.
   */
  async invalidate(key: string, window: StaleWindow, home?: KeyHome): Promise<boolean> {
    // While a key moves, a read may use another host than the mark, so delete the key on this host.
    const attempts = home === undefined ? MARK_ATTEMPTS : 0
    for (let attempt = 0; attempt < attempts; attempt++) {
      const mark = await readItem(this.#store, key, (item) => this.#mark(item, window))
      if (mark === undefined) break
      const marking = this.#store.spread(key, [mark])
      // A lost connection does not say whether the command ran: reading the item does.
      const [marked] = (await marking.catch(unless('MINTRING_CONNECTION'))) ?? []
      if (marked?.status === 'done') return true
    }
    const [removed] = await this.#store.spread(key, [{ name: 'delete' }], home)
    return removed!.status === 'done'
  }

  /** Stores an empty item if the key has none, and returns the item that is there now. */
  async #fill(key: string, policy: Policy, finding: Finding): Promise<Finding> {
    const ttlSeconds = placeholderSeconds(policy)
    const [, read] = await this.#store.exchange(finding.lease.place, key, [
      { name: 'add', encoded: this.#empty(ttlSeconds), ttlSeconds },
      { name: 'gets' },
    ])
    return this.#nowThere(read!, policy)
  }

  /**
   * Wins the lease; first replaces an empty item that would expire before the load and the pause
   * after it.
   */
  async #take(key: string, policy: Policy, finding: Finding, trouble: Trouble): Promise<Elected> {
    const { lease } = finding
    if (lastsForALoad(lease, policy)) return won(finding, trouble)
    const ttlSeconds = placeholderSeconds(policy)
    const [, read] = await this.#store.exchange(lease.place, key, [
      { name: 'cas', encoded: this.#empty(ttlSeconds), ttlSeconds, cas: lease.cas },
      { name: 'gets' },
    ])
    const now = this.#nowThere(read!, policy)
    // Do not check the lifetime of the new item again. Another client with a slow clock may have
    // stored it, and the check could fail for ever.
    return isSameLease(now.lease, lease) ? won(now, trouble) : this.elect(key, policy, now)
  }

  #nowThere(item: Item, policy: Policy): Finding {
    const now = this.judge(item, policy, 0)
    // If the item vanished between the two commands, do nothing: the next read decides.
    return now.lease.cas === '' ? { ...now, election: 'lost' } : now
  }

  /** Returns an empty item whose flags say only that a refill stored it, and when it expires. */
  #empty(ttlSeconds: number): EncodedItem {
    const nowSeconds = this.#clock.unixSeconds()
    const clock = clockBits(nowSeconds + ttlSeconds, nowSeconds, ttlSeconds)
    return { body: '', flags: Stamp.Refill + clock }
  }

  async #lock(key: string, lease: Lease, trouble: Trouble, ttlSeconds: number): Promise<void> {
    const beside = lockName(lease)
    await this.#store.exchange(lease.place, key, [
      { name: 'set', beside, encoded: lockOf(trouble), ttlSeconds },
    ])
  }

  #mark(item: Item, { graceSeconds }: StaleWindow): StoreCommand | undefined {
    const { flags } = item
    const leftSeconds = item.found ? this.#freshFor(flags) : undefined
    if (leftSeconds === undefined || (flags & Stamp.Refill) === 0) return undefined
    const nowSeconds = this.#clock.unixSeconds()
    const staleAtSeconds = nowSeconds + Math.min(leftSeconds, 0)
    const ttlSeconds = staleAtSeconds + graceSeconds - nowSeconds
    if (ttlSeconds <= 0) return undefined
    const { cas } = item
    const clock = clockBits(staleAtSeconds, nowSeconds, graceSeconds)
    const tagged = isTagged(flags) ? Stamp.Unconfirmed : 0
    const kept = (flags & KEPT) + Stamp.Marked + tagged + clock
    const encoded: EncodedItem = { body: item.bytes(), flags: kept }
    return { name: 'cas', encoded, ttlSeconds, cas }
  }

  #freshFor(flags: number): number | undefined {
    return freshForSeconds(flags, this.#clock.unixSeconds())
  }
}

/** Returns a handler that resolves to undefined for this code, and rethrows other errors. */
function unless(code: MintringError['code']): (error: unknown) => undefined {
  return (error) => {
    if (!isMintringError(error) || error.code !== code) throw error
  }
}

/**
 * The flags that stay when a value is marked stale: the codec's bits, and those that a refill set.
 */
const KEPT = CODEC_FLAGS | Stamp.Refill | Stamp.NoEarly

/** The flags of a lock are an index into this list: how the load of its holder goes. */
const TROUBLES: readonly Trouble[] = ['none', 'slow', 'failing']

function lockOf(trouble: Trouble): EncodedItem {
  return { body: '1', flags: TROUBLES.indexOf(trouble) }
}

function lockName({ cas }: Lease): string {
  return `lease.${cas}`
}
