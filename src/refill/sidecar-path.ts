import { MetaPath } from './meta-path.ts'
import type { Entry } from './path.ts'
import { LOCK_SUFFIX } from './path.ts'
import type { Policy } from './policy.ts'
import type { Item, Reader, ReadHandle } from './store.ts'
import type { Finding, Lease } from './verdict.ts'
import { judge } from './verdict.ts'

/**
 * The meta path for keys that others read as plain bytes: no placeholder ever stands in the key
 * itself, since nginx would serve it as an empty page. A miss is contested on a lock beside the
 * key.
 */
export class SidecarPath extends MetaPath {
  override read(key: string, policy: Policy, reader: Reader): ReadHandle {
    return this.refillStore.read(key, 0, policy.refreshBelowSeconds, reader)
  }

  /** The key is read once more behind the lock: its last holder may just have stored. */
  override async contest(key: string, policy: Policy, finding: Finding): Promise<Finding> {
    const isMiss = finding.verdict === 'absent' && finding.lease.on === 'placeholder'
    if (!isMiss) return super.contest(key, policy, finding)
    const { leaseSeconds, refreshBelowSeconds } = policy
    const [lock, main] = await this.refillStore.exchange(finding.lease.place, key, [
      { name: 'mg', suffix: LOCK_SUFFIX, vivifySeconds: leaseSeconds },
      { name: 'mg', value: true, refreshBelowSeconds },
    ])
    const lease = lockLease(lock!)
    const now = judge(main!, policy)
    if (now.verdict === 'absent') return { ...now, election: lock!.won ? 'won' : 'lost', lease }
    if (lock!.won) await this.release(key, lease)
    return now
  }

  /**
   * A cold store adds the value, then looks at the lock. An invalidation marks the lock, then the
   * value: whichever comes first, one of the two sees the other. The lock is let go in the same
   * write, because a key deleted right after must not wait for it.
   */
  override async store(key: string, policy: Policy, lease: Lease, entry: Entry): Promise<boolean> {
    if (lease.on !== 'lock') return super.store(key, policy, lease, entry)
    const ttlSeconds = entry.ttlSeconds + policy.graceSeconds
    const [stored, lock] = await this.refillStore.exchange(lease.place, key, [
      { name: 'ms', encoded: entry.encoded, ttlSeconds, add: true },
      { name: 'mg', suffix: LOCK_SUFFIX },
      { name: 'md', suffix: LOCK_SUFFIX, cas: lease.cas },
    ])
    if (stored!.status !== 'done') return false
    if (lock!.found && lock!.cas === lease.cas) return true
    const { cas } = stored!
    const { graceSeconds } = policy
    await this.refillStore.exchange(lease.place, key, [
      graceSeconds === 0
        ? { name: 'md', cas }
        : { name: 'md', invalidate: true, cas, ttlSeconds: graceSeconds },
    ])
    return false
  }

  override invalidate(key: string, policy: Policy): Promise<boolean> {
    return this.mark(key, policy, [{ name: 'md', suffix: LOCK_SUFFIX, invalidate: true }])
  }

  override async restart(key: string, policy: Policy): Promise<Finding> {
    const finding = await super.restart(key, policy)
    return finding.election === 'open' ? this.contest(key, policy, finding) : finding
  }
}

function lockLease(lock: Item): Lease {
  return { place: lock.place(), cas: lock.cas, on: 'lock', endsInSeconds: lock.ttlSeconds }
}
