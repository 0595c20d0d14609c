import type { Finding, Lease } from './finding.ts'
import { LOCK, MetaPath, placeholderSeconds } from './meta-path.ts'
import type { Elected, FoundEntry } from './path.ts'
import { decided, won } from './path.ts'
import type { Policy } from './policy.ts'
import { Stamp } from './stamp.ts'
import type { Item, KeyHome, Reader, ReadHandle, StoreAnswer } from './store.ts'

/** How long a page may live that was not checked yet. */
const UNCONFIRMED_SECONDS = 2

/**
 * The meta path for keys that other programs read as plain bytes: no placeholder ever stands in the
 * key itself, since nginx would serve it as an empty page. A miss is contested on a lock beside the
 * key.
 *
 * So a miss has no CAS id in the key that an invalidation would change. Instead every invalidation
 * deletes the lock first, and then marks the key. A cold store looks whether the lock is still its
 * own, adds the value with the flag Unconfirmed and 2 s to live, looks again, and then stores it
 * for good under the CAS id of what it had added. An invalidation that deleted the lock before the
 * last look is seen by it; one that came later finds what was added, and changes its CAS id.
 */
export class SidecarPath extends MetaPath {
  override read(key: string, policy: Policy, earlySeconds: number, reader: Reader): ReadHandle {
    const below = policy.graceSeconds + earlySeconds + 1
    return this.refillStore.read(key, 0, below, reader)
  }

  /** The right to refill what is not confirmed comes with the lock alone. */
  override judge(item: Item, policy: Policy, earlySeconds: number, decoded?: unknown): Finding {
    const finding = super.judge(item, policy, earlySeconds, decoded)
    if (finding.verdict !== 'absent' || finding.isUnreadable) return finding
    const lease: Lease = { ...finding.lease, cas: '', on: 'lock' }
    return { ...finding, election: 'open', lease }
  }

  /** The key is read once more behind the lock: its last holder may just have stored. */
  override async elect(key: string, policy: Policy, finding: Finding): Promise<Elected> {
    const { lease } = finding
    if (lease.on !== 'lock' || lease.cas !== '') return super.elect(key, policy, finding)
    const [lock, main] = await this.refillStore.exchange(lease.place, key, [
      { name: 'mg', beside: LOCK, vivifySeconds: placeholderSeconds(policy) },
      { name: 'mg', value: true, refreshBelowSeconds: policy.graceSeconds + 1 },
    ])
    const now = this.judge(main!, policy, 0)
    const behind = lockLease(lock!)
    if (now.verdict !== 'absent' || now.lease.on !== 'lock') {
      if (lock!.won) await this.release(key, policy, behind)
      return now.election === 'open' ? super.elect(key, policy, now) : decided(now)
    }
    const cold: Finding = { ...now, lease: behind }
    if (!lock!.won) return super.elect(key, policy, { ...cold, election: 'lost' })
    if (main!.found) await this.#remove(key, behind, main!)
    return won(cold, 'none')
  }

  override async store(
    key: string,
    policy: Policy,
    lease: Lease,
    entry: FoundEntry,
  ): Promise<boolean> {
    if (lease.on !== 'lock') return super.store(key, policy, lease, entry)
    // Seen before the value is there: nginx shows what is unconfirmed too.
    if (!(await this.#holds(key, lease))) return false
    const { body, flags } = this.stamped(entry, policy, lease)
    const [added, lock] = await this.refillStore.exchange(lease.place, key, [
      {
        name: 'ms',
        encoded: { body, flags: flags | Stamp.Unconfirmed },
        ttlSeconds: UNCONFIRMED_SECONDS,
        add: true,
      },
      { name: 'mg', beside: LOCK },
    ])
    if (added!.status !== 'done') {
      await this.release(key, policy, lease)
      return false
    }
    if (!lock!.found || lock!.cas !== lease.cas) {
      await this.#remove(key, lease, added!)
      return false
    }
    const [confirmed] = await this.refillStore.exchange(lease.place, key, [
      {
        name: 'ms',
        encoded: { body, flags },
        ttlSeconds: entry.ttlSeconds + policy.graceSeconds,
        cas: added!.cas,
      },
      { name: 'md', beside: LOCK, cas: lease.cas },
    ])
    return confirmed!.status === 'done'
  }

  /** The two must not overtake each other, on whatever connections they travel. */
  override async invalidate(key: string, policy: Policy, home?: KeyHome): Promise<boolean> {
    await this.refillStore.spread(key, [{ name: 'md', beside: LOCK }], home)
    return super.invalidate(key, policy, home)
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
