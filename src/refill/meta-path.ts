import type { Entry, Path } from './path.ts'
import { LOCK_SUFFIX } from './path.ts'
import type { Policy } from './policy.ts'
import type { Answer, Command, Item, Reader, ReadHandle, RefillStore } from './store.ts'
import { readItem } from './store.ts'
import type { Finding, Lease } from './verdict.ts'
import { isPlainlyFresh, judge, readValue } from './verdict.ts'

/**
 * Refills by memcached's meta commands (doc/protocol.txt, "Meta Commands": the flags N, R, W, Z,
 * X). One `mg` tells fresh, stale or absent and elects the one refiller. A store carries the CAS id
 * of the lease, so it succeeds only if nothing newer happened; it never carries `I`, which would
 * let an older value replace a newer one.
 */
export class MetaPath implements Path {
  readonly leasesOutliveHolders = true
  protected readonly refillStore: RefillStore

  constructor(store: RefillStore) {
    this.refillStore = store
  }

  read(key: string, policy: Policy, reader: Reader): ReadHandle {
    return this.refillStore.read(key, policy.leaseSeconds, policy.refreshBelowSeconds, reader)
  }

  isPlainlyFresh(item: Item, policy: Policy): boolean {
    return isPlainlyFresh(item, policy)
  }

  freshValue(item: Item): unknown {
    return readValue(item, item.flags, 0)
  }

  judge(item: Item, policy: Policy): Finding {
    return judge(item, policy)
  }

  /**
   * The read was the election. What is still open is a value this client cannot read, which it
   * declares stale to replace it, or an item that a server without N and R left to nobody.
   */
  async contest(key: string, policy: Policy, finding: Finding): Promise<Finding> {
    const { lease, verdict } = finding
    if (verdict !== 'absent' || lease.on !== 'item') return { ...finding, election: 'none' }
    return (await this.takeOver(key, policy, lease)) ?? { ...finding, election: 'lost' }
  }

  /** Of all processes that see the same dead lease, the CAS id lets exactly one through. */
  async takeOver(key: string, policy: Policy, lease: Lease): Promise<Finding | undefined> {
    const [marked, read] = await this.refillStore.exchange(lease.place, key, [
      { name: 'md', invalidate: true, cas: lease.cas },
      { name: 'mg', value: true, refreshBelowSeconds: policy.refreshBelowSeconds },
    ])
    return this.#reopened(key, policy, marked!, read!)
  }

  async renew(key: string, policy: Policy, lease: Lease): Promise<Lease | undefined> {
    const isCold = lease.on !== 'item'
    const suffix = lease.on === 'lock' ? LOCK_SUFFIX : undefined
    const mark: Command = { name: 'md', suffix, invalidate: true, cas: lease.cas }
    const [marked, read] = await this.refillStore.exchange(lease.place, key, [
      isCold ? { ...mark, ttlSeconds: policy.leaseSeconds } : mark,
      { name: 'mg', suffix },
    ])
    if (marked!.status === 'done' && read!.won) return { ...lease, cas: read!.cas }
    // Our read may have won what somebody else had just marked: hand it on.
    if (read!.won) await this.release(key, { ...lease, cas: read!.cas })
    return undefined
  }

  async store(key: string, policy: Policy, lease: Lease, entry: Entry): Promise<boolean> {
    const ttlSeconds = entry.ttlSeconds + policy.graceSeconds
    const [stored] = await this.refillStore.exchange(lease.place, key, [
      { name: 'ms', encoded: entry.encoded, ttlSeconds, cas: lease.cas },
    ])
    return stored!.status === 'done'
  }

  async release(key: string, lease: Lease): Promise<void> {
    const { place, cas, on } = lease
    const suffix = on === 'lock' ? LOCK_SUFFIX : undefined
    await this.refillStore.exchange(place, key, [
      on === 'item' ? { name: 'md', invalidate: true, cas } : { name: 'md', suffix, cas },
    ])
  }

  invalidate(key: string, policy: Policy): Promise<boolean> {
    return this.mark(key, policy, [])
  }

  /**
   * The mark gives the item the grace to live from now. What had less keeps what it had: to
   * invalidate again and again must not keep a value alive. `touch` only ever shortens here, and
   * unlike `mg T` it takes no lease. Without a grace there is nothing to keep.
   */
  protected async mark(key: string, policy: Policy, first: readonly Command[]): Promise<boolean> {
    const { graceSeconds } = policy
    if (graceSeconds === 0) {
      const answers = await this.refillStore.spread(key, [...first, { name: 'md' }])
      return answers.at(-1)!.status === 'done'
    }
    const answers = await this.refillStore.spread(key, [
      ...first,
      { name: 'mg' },
      { name: 'md', invalidate: true, ttlSeconds: graceSeconds },
    ])
    const leftSeconds = answers.at(-2)!.ttlSeconds
    if (leftSeconds > 0 && leftSeconds < graceSeconds) {
      await this.refillStore.spread(key, [{ name: 'touch', ttlSeconds: leftSeconds }])
    }
    return answers.at(-1)!.status === 'done'
  }

  /** The mark and the read leave together, in this order. */
  async restart(key: string, policy: Policy): Promise<Finding> {
    const { isSidecar, leaseSeconds, refreshBelowSeconds } = policy
    const marked = this.invalidate(key, policy)
    const flags = [isSidecar ? 0 : leaseSeconds, refreshBelowSeconds] as const
    const read = readItem(this.refillStore, key, flags, (item) => judge(item, policy))
    const [finding] = await Promise.all([read, marked])
    return finding
  }

  async #reopened(
    key: string,
    policy: Policy,
    marked: Answer,
    read: Answer,
  ): Promise<Finding | undefined> {
    const finding = judge(read, policy)
    if (marked.status === 'done' && read.won) return finding
    if (read.won) await this.release(key, finding.lease)
    return undefined
  }
}
