import type { Clock } from './clock.ts'
import type { EnvelopeKind } from './envelope.ts'
import {
  ENVELOPE_BYTES,
  ENVELOPE_FLAG,
  enclose,
  enclosed,
  envelopeOf,
  EnvelopeKind as Kind,
} from './envelope.ts'
import type { Entry, Path } from './path.ts'
import type { Policy } from './policy.ts'
import { Recent } from './recent.ts'
import type { Command, Encoded, Item, Reader, ReadHandle, RefillStore } from './store.ts'
import { readItem } from './store.ts'
import type { Finding, Lease } from './verdict.ts'
import { NO_CAS, readValue, UNREADABLE } from './verdict.ts'

/** How long a lost contest is not tried again by this process. */
const CONTEST_PAUSE_MS = 250
const MAX_CONTESTS = 10_000
/** How often an invalidation tries to mark what others keep changing, before it deletes. */
const MARK_ATTEMPTS = 4
/** Reads of classic pools have no flags. */
const NO_FLAGS = [0, 0] as const

/**
 * Refills by classic commands, for servers and proxies without meta ones. Values carry an envelope
 * that tells when they become stale. The lease of a stale value is a lock named after the value's
 * CAS id, so a changed value never meets an old lock; the lease of a miss is a placeholder in the
 * key. Both live as long as the lease, so a dead holder's ends by itself.
 */
export class ClassicPath implements Path {
  readonly leasesOutliveHolders = false
  readonly #store: RefillStore
  readonly #clock: Clock
  readonly #lost: Recent<{ readonly cas: string; readonly untilMs: number }>

  constructor(store: RefillStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
    this.#lost = new Recent(clock, CONTEST_PAUSE_MS, MAX_CONTESTS)
  }

  read(key: string, _policy: Policy, reader: Reader): ReadHandle {
    return this.#store.read(key, 0, 0, reader)
  }

  isPlainlyFresh(item: Item, policy: Policy): boolean {
    if (!item.found) return false
    const envelope = envelopeOf(item)
    if (envelope === undefined) return item.size > 0
    const leftSeconds = envelope.staleAtUnixSeconds - this.#clock.unixSeconds()
    return envelope.kind === Kind.Value && leftSeconds > policy.earlyRefreshSeconds
  }

  freshValue(item: Item): unknown {
    if (envelopeOf(item) === undefined) return readValue(item, item.flags, 0)
    return readValue(item, item.flags & ~ENVELOPE_FLAG, ENVELOPE_BYTES)
  }

  judge(item: Item, policy: Policy): Finding {
    const envelope = item.found ? envelopeOf(item) : undefined
    const lease: Lease = {
      place: item.place(),
      cas: item.cas,
      on: envelope !== undefined && envelope.kind !== Kind.Placeholder ? 'item' : 'placeholder',
      endsInSeconds: policy.leaseSeconds,
    }
    const nothing = { value: undefined, freshForSeconds: 0, staleForSeconds: 0, lease }
    if (!item.found) return { ...nothing, verdict: 'absent', election: 'open' }
    if (envelope?.kind === Kind.Placeholder) {
      const election = item.cas === NO_CAS ? 'none' : 'lost'
      return { ...nothing, verdict: 'absent', election }
    }
    const value = this.freshValue(item)
    // Another client's bytes, or a value of a codec that this one lacks: nothing to serve.
    if (value === UNREADABLE) return { ...nothing, verdict: 'absent', election: 'none' }
    if (envelope === undefined) {
      return { ...nothing, verdict: 'fresh', election: 'none', value, freshForSeconds: -1 }
    }
    const { kind, staleAtUnixSeconds } = envelope
    const leftSeconds = staleAtUnixSeconds - this.#clock.unixSeconds()
    if (kind === Kind.Invalidated || leftSeconds <= 0) {
      const staleForSeconds = Math.max(0, -leftSeconds)
      return { ...nothing, verdict: 'stale', election: 'open', value, staleForSeconds }
    }
    const election = leftSeconds <= policy.earlyRefreshSeconds ? 'open' : 'none'
    return { ...nothing, verdict: 'fresh', election, value, freshForSeconds: leftSeconds }
  }

  async contest(key: string, policy: Policy, finding: Finding): Promise<Finding> {
    if (finding.verdict === 'absent') return this.#contestMiss(key, policy, finding)
    const { cas, place } = finding.lease
    const lost = this.#lost.get(key)
    const nowMs = this.#clock.nowMs()
    if (lost !== undefined && lost.cas === cas && nowMs < lost.untilMs) {
      return { ...finding, election: 'lost' }
    }
    const [added] = await this.#store.exchange(place, key, [lockCommand(cas, policy)])
    if (added!.status === 'done') return { ...finding, election: 'won' }
    this.#lost.set(key, { cas, untilMs: nowMs + CONTEST_PAUSE_MS })
    return { ...finding, election: 'lost' }
  }

  /** Such leases end by themselves. */
  async takeOver(): Promise<undefined> {
    return undefined
  }

  async renew(key: string, policy: Policy, lease: Lease): Promise<Lease | undefined> {
    const { leaseSeconds } = policy
    if (lease.on === 'item') {
      const [touched] = await this.#store.exchange(lease.place, key, [
        { name: 'touch', suffix: lockSuffix(lease.cas), ttlSeconds: leaseSeconds },
      ])
      return touched!.status === 'done' ? lease : undefined
    }
    const mark = this.#placeholder()
    const [, read] = await this.#store.exchange(lease.place, key, [
      { name: 'cas', encoded: mark, ttlSeconds: leaseSeconds, cas: lease.cas },
      { name: 'gets' },
    ])
    return isBody(read!, mark) ? { ...lease, cas: read!.cas } : undefined
  }

  async store(key: string, policy: Policy, lease: Lease, entry: Entry): Promise<boolean> {
    const staleAtUnixSeconds = this.#clock.unixSeconds() + entry.ttlSeconds
    const [stored] = await this.#store.exchange(lease.place, key, [
      {
        name: 'cas',
        encoded: enclose(entry.encoded, { kind: Kind.Value, staleAtUnixSeconds }),
        ttlSeconds: entry.ttlSeconds + policy.graceSeconds,
        cas: lease.cas,
      },
    ])
    return stored!.status === 'done'
  }

  async release(key: string, lease: Lease): Promise<void> {
    await this.#store.exchange(lease.place, key, [
      lease.on === 'item'
        ? { name: 'delete', suffix: lockSuffix(lease.cas) }
        : { name: 'cas', encoded: { body: '', flags: 0 }, ttlSeconds: -1, cas: lease.cas },
    ])
  }

  /**
   * Writes the value back under a new kind, if it is still the same. An `append` would need one
   * trip less, but would also reach a plain value that another client had just set. What is not one
   * of our values is deleted.
   */
  async invalidate(key: string, policy: Policy): Promise<boolean> {
    for (let attempt = 0; attempt < MARK_ATTEMPTS; attempt++) {
      const mark = await readItem(this.#store, key, NO_FLAGS, (item) => this.#mark(item, policy))
      if (mark === undefined) break
      const [marked] = await this.#store.spread(key, [mark])
      if (marked!.status === 'done') return true
    }
    const [removed] = await this.#store.spread(key, [{ name: 'delete' }])
    return removed!.status === 'done'
  }

  async restart(key: string, policy: Policy): Promise<Finding> {
    await this.invalidate(key, policy)
    const finding = await readItem(this.#store, key, NO_FLAGS, (item) => this.judge(item, policy))
    return finding.election === 'open' ? this.contest(key, policy, finding) : finding
  }

  async #contestMiss(key: string, policy: Policy, finding: Finding): Promise<Finding> {
    const encoded = this.#placeholder()
    const [, read] = await this.#store.exchange(finding.lease.place, key, [
      { name: 'add', encoded, ttlSeconds: policy.leaseSeconds },
      { name: 'gets' },
    ])
    const now = this.judge(read!, policy)
    if (read!.cas === NO_CAS) return { ...now, election: 'none' }
    if (isBody(read!, encoded)) return { ...now, election: 'won' }
    // Gone again between the two commands: as good as lost, the next read tells.
    return now.verdict === 'absent' ? { ...now, election: 'lost' } : now
  }

  #mark(item: Item, policy: Policy): Command | undefined {
    const envelope = item.found ? envelopeOf(item) : undefined
    if (envelope === undefined || envelope.kind === Kind.Placeholder) return undefined
    const nowUnixSeconds = this.#clock.unixSeconds()
    const staleAtUnixSeconds = Math.min(envelope.staleAtUnixSeconds, nowUnixSeconds)
    const ttlSeconds = staleAtUnixSeconds + policy.graceSeconds - nowUnixSeconds
    if (ttlSeconds <= 0) return undefined
    const kind: EnvelopeKind = Kind.Invalidated
    const encoded = enclose(enclosed(item), { kind, staleAtUnixSeconds })
    return { name: 'cas', encoded, ttlSeconds, cas: item.cas }
  }

  /** Eight bytes of chance tell whose it is. */
  #placeholder(): Encoded {
    const token = Uint8Array.from({ length: 8 }, () => Math.floor(this.#clock.random() * 256))
    return enclose({ body: token, flags: 0 }, { kind: Kind.Placeholder, staleAtUnixSeconds: 0 })
  }
}

function lockSuffix(cas: string): string {
  return `:L${cas}`
}

function lockCommand(cas: string, policy: Policy): Command {
  return {
    name: 'add',
    suffix: lockSuffix(cas),
    encoded: { body: '1', flags: 0 },
    ttlSeconds: policy.leaseSeconds,
  }
}

function isBody(item: Item, encoded: Encoded): boolean {
  return item.found && Buffer.from(item.head(item.size)).equals(encoded.body as Uint8Array)
}
