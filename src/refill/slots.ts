import type { Clock } from '../clock.ts'
import { MintringError } from '../errors.ts'
import { Recent } from '../recent.ts'
import type { Tags } from '../tags/names.ts'
import type { Waiting } from './caller.ts'
import type { RefillContext } from './context.ts'
import { type Finding, isSameLease, type Lease, type RefillEntry } from './finding.ts'
import type { Flight } from './flight.ts'
import { type Bypass, Pace, type Terms } from './loader.ts'
import { ELECTION_PAUSE_MS, type Elected } from './paths/path.ts'
import type { Policy, RefillDefaults, RefillPolicy } from './policy.ts'
import { resolvePolicy } from './policy.ts'
import type { Read } from './read.ts'
import { anew, Portions } from './share.ts'
import type { Wait } from './wait.ts'

/** How long a key is at least remembered after its last use. */
const MEMORY_MS = 60_000
const MAX_KEYS = 10_000
const MAX_DISTINCT = 256

/** A policy as written, and as resolved. */
interface Agreed {
  readonly given: RefillPolicy
  readonly policy: Policy
  readonly pace: Pace
}

/** This process's last attempt for the lease of a key. Until `untilMs`, another one is useless. */
interface Sight {
  /**
   * Whether the attempt was to mark a fresh value stale. Its lease does not tell: a page has the
   * same one before and after its tags are stored.
   */
  readonly isToMark: boolean
  /** The lease of the item that a read found. */
  readonly lease: Lease
  readonly elected: Promise<Elected>
  /** Until when another attempt is useless; Infinity while this attempt is in progress. */
  untilMs: number
  /**
   * Does the same as `untilMs` for callers that wait for another client's load. It is earlier,
   * because they must learn soon that the load failed.
   */
  waitingUntilMs: number
}

/** The refreshes of one key: one runs, and at most one waits for it to end. */
interface Refreshes {
  readonly running: Promise<unknown>
  next: { readonly entry: Promise<RefillEntry>; readonly portions: Portions } | undefined
}

/** All state and pending work of one key in this process. */
export interface Slot extends Agreed, Terms {
  /** The last read, which callers may join until its bytes were sent. */
  read: Read<Slot> | undefined
  /** The load that callers of this process may share. */
  flight: Flight | undefined
  /** The load without the cache that callers of this process may share. */
  bypass: Bypass | undefined
  /** The poller for callers that wait for another process. */
  wait: Wait<Slot> | undefined
  sight: Sight | undefined
  refreshes: Refreshes | undefined
}

/**
 * The keys in use, with one policy per key: two policies that disagree on when a value is stale
 * would refill it for each other without end. A key that was forgotten starts anew; its old pending
 * work ends by itself and is no longer shared.
 */
export class Slots {
  readonly #slots: Recent<Slot>
  /** Resolved policies, cached because callers write them as literals: a new object each call. */
  #resolved: Agreed[] = []
  readonly #defined = new Map<string, Agreed>()
  #defaults: RefillDefaults

  constructor(clock: Clock, defaults: RefillDefaults) {
    this.#slots = new Recent(clock, MEMORY_MS, MAX_KEYS)
    this.#defaults = defaults
  }

  get size(): number {
    return this.#slots.size
  }

  get defaults(): RefillDefaults {
    return this.#defaults
  }

  /**
   * Returns the slot of a key. Throws MINTRING_BAD_POLICY for an invalid policy, or a second one
   * for this key.
   */
  of(key: string, given: RefillPolicy): Slot {
    const known = this.#slots.get(key)
    if (known !== undefined) {
      if (saysSame(known.given, given)) return known
      if (!meansSame(known.policy, this.resolve(given))) throw conflict()
      return known
    }
    const agreed = this.#resolve(given)
    const defined = this.#defined.get(key)
    if (defined !== undefined && !meansSame(defined.policy, agreed.policy)) throw conflict()
    const slot = newSlot(key, agreed)
    this.#slots.set(key, slot)
    return slot
  }

  /**
   * Does the same as of() for a key given to define(), whose policy is kept as long as the client
   * lives.
   */
  define(key: string, given: RefillPolicy): void {
    const { given: said, policy, pace } = this.of(key, given)
    const before = this.#defined.get(key)
    if (before !== undefined && !meansSame(before.policy, policy)) throw conflict()
    if (this.#defined.size < MAX_KEYS) this.#defined.set(key, { given: said, policy, pace })
  }

  /** Returns the slot of a key if it is in use. */
  get(key: string): Slot | undefined {
    return this.#slots.get(key)
  }

  /** Returns whose load callers of these keys wait for, and whether bytes were sent for them. */
  waitOf(keys: readonly string[]): Waiting {
    const slots = keys.flatMap((key) => this.#slots.get(key) ?? [])
    const phases = slots.flatMap(({ flight }) => flight?.phase ?? [])
    const isFlying = phases.length > 0
    const isLoading = phases.includes('loading') || slots.some(({ bypass }) => bypass !== undefined)
    if (isLoading) return { loader: 'own', sent: isFlying }
    if (phases.includes('encoding')) return { loader: 'encoding', sent: true }
    const isDecoding = isFlying || slots.some(({ decoding }) => decoding > 0)
    if (isDecoding) return { loader: 'decoding', sent: true }
    if (slots.some(({ wait }) => wait !== undefined)) return { loader: 'other', sent: true }
    return { sent: slots.some(({ read }) => read?.isSent === true) }
  }

  /** Returns the last policy of this key, as written, if it is still remembered. */
  givenFor(key: string): RefillPolicy | undefined {
    return (this.#slots.get(key) ?? this.#defined.get(key))?.given
  }

  resolve(given: RefillPolicy): Policy {
    return this.#resolve(given).policy
  }

  /** Sets new defaults, which change the meaning of policies: forgets all resolved ones. */
  setDefaults(defaults: RefillDefaults): void {
    this.#defaults = defaults
    this.clear()
  }

  clear(): void {
    this.#slots.clear()
    this.#defined.clear()
    this.#resolved = []
  }

  #resolve(given: RefillPolicy): Agreed {
    const before = this.#resolved.find((agreed) => saysSame(agreed.given, given))
    if (before !== undefined) return before
    const policy = resolvePolicy(given, this.#defaults)
    // Copy it, because the caller may change the same object.
    const tags = Array.isArray(given.tags) ? [...given.tags] : given.tags
    const agreed = { given: { ...given, tags }, policy, pace: new Pace() }
    if (this.#resolved.length >= MAX_DISTINCT) this.#resolved = []
    this.#resolved.push(agreed)
    return agreed
  }
}

function newSlot(key: string, { given, policy, pace }: Agreed): Slot {
  return {
    key,
    given,
    policy,
    pace,
    read: undefined,
    flight: undefined,
    bypass: undefined,
    wait: undefined,
    sight: undefined,
    refreshes: undefined,
    marked: undefined,
    lastError: undefined,
    failed: undefined,
    decoding: 0,
    tagSet: undefined,
  }
}

/** Whether two policies are written the same. Spelled out, because it runs on every read. */
function saysSame(a: RefillPolicy, b: RefillPolicy): boolean {
  return (
    a.ttl === b.ttl &&
    a.staleWhileRevalidate === b.staleWhileRevalidate &&
    a.staleIfError === b.staleIfError &&
    a.lease === b.lease &&
    a.earlyRefresh === b.earlyRefresh &&
    a.jitter === b.jitter &&
    a.staleTimeoutMs === b.staleTimeoutMs &&
    a.loaderTimeoutMs === b.loaderTimeoutMs &&
    a.waitTimeoutMs === b.waitTimeoutMs &&
    a.onWaitTimeout === b.onWaitTimeout &&
    a.errorBackoff === b.errorBackoff &&
    a.negativeTtl === b.negativeTtl &&
    a.sharedValues === b.sharedValues &&
    a.placeholder === b.placeholder &&
    (a.tags === b.tags || saysSameTags(a.tags, b.tags))
  )
}

/** Functions count as equal, because callers write a new one for each call. */
function saysSameTags(a: Tags | undefined, b: Tags | undefined): boolean {
  if (!Array.isArray(a) || !Array.isArray(b))
    return typeof a === 'function' && typeof b === 'function'
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Whether two resolved policies are equal: `'5m'` and 300 are. */
function meansSame(a: Policy, b: Policy): boolean {
  return Object.entries(a).every(([name, value]) => value === b[name as keyof Policy])
}

/** Omits the key: errors end up in logs, and keys may be personal. */
function conflict(): MintringError {
  return new MintringError(
    'MINTRING_BAD_POLICY',
    'The key is in use with another refill policy: one key, one policy. ' +
      'For a lifetime per value, call setTtl() in the loader.',
  )
}

/** Detaches the running load: its callers keep it, but new ones do not join. */
export function detach(slot: Slot): void {
  slot.read = undefined
  slot.flight = undefined
  slot.bypass = undefined
  slot.wait = undefined
  slot.sight = undefined
  slot.failed = undefined
}

/**
 * Whether this process is trying for the lease now, or knows for a while that it cannot win it.
 * `until` names the time that counts: `untilMs` for callers that only want the value replaced,
 * `waitingUntilMs` for callers that wait.
 */
export function isSettled(
  { sight }: Slot,
  { lease, isToMark = false }: Finding,
  nowMs: number,
  until: 'untilMs' | 'waitingUntilMs',
): boolean {
  // Compare `on` as well: a hard invalidation of a tag makes the value count as absent, and the CAS
  // id stays the same.
  if (sight === undefined || sight.isToMark !== isToMark || sight.lease.on !== lease.on)
    return false
  return isSameLease(sight.lease, lease) && nowMs < sight[until]
}

/** Tries for the lease of a read result (`finding`), once for all callers of this process. */
export async function electOnce(
  slot: Slot,
  finding: Finding,
  elect: () => Promise<Elected>,
  context: RefillContext,
): Promise<Finding> {
  const { clock, tally } = context
  if (isSettled(slot, finding, clock.nowMs(), 'waitingUntilMs')) {
    const { elected } = slot.sight as Sight
    return forAnother(finding, (await elected).finding, clock)
  }
  const { lease, isToMark = false } = finding
  const elected = elect()
  const never = Number.POSITIVE_INFINITY
  const sight: Sight = { lease, isToMark, elected, untilMs: never, waitingUntilMs: never }
  slot.sight = sight
  try {
    const { finding: now, goodForMs, isTakeover } = await elected
    const nowMs = clock.nowMs()
    sight.untilMs = nowMs + goodForMs
    const isOver = now.trouble === 'failing'
    if (isOver) slot.failed = lease
    sight.waitingUntilMs = nowMs + (isOver ? goodForMs : Math.min(goodForMs, ELECTION_PAUSE_MS))
    if (isTakeover === true) {
      tally.takenOver++
      context.report('leaseTakenOver', { key: slot.key, host: now.lease.place.name })
    }
    return now
  } catch (error) {
    sight.untilMs = sight.waitingUntilMs = 0
    throw error
  }
}

/**
 * Returns what another caller's attempt for the lease found, for a caller that shares it. It keeps
 * its own value, unless only the attempt found one.
 */
function forAnother(finding: Finding, elected: Finding, clock: Clock): Finding {
  if (finding.verdict === 'absent' && elected.verdict !== 'absent') return anew(elected, clock)
  const { election, lease, trouble } = elected
  return { ...finding, election, lease, trouble, isToMark: false }
}

/**
 * Runs the refreshes of one key: one runs and at most one waits. A call never shares a refresh that
 * started before it, because that may have read older data. Calls during a refresh share the next,
 * each with its own copy of the value.
 */
export async function inTurn(
  slot: Slot,
  refresh: () => Promise<RefillEntry>,
  { store, clock }: RefillContext,
): Promise<RefillEntry> {
  const { refreshes } = slot
  if (refreshes === undefined) return begin(slot, refresh)
  if (refreshes.next !== undefined) {
    const { entry, portions } = refreshes.next
    portions.expect()
    const { value, ...rest } = await entry
    return { ...rest, value: await portions.portion(value) }
  }
  const portions = new Portions(store, clock, slot.policy.isShared)
  const prepared = async (): Promise<RefillEntry> => {
    const entry = await refresh()
    await portions.prepare(entry.value)
    return entry
  }
  const entry = refreshes.running.catch(() => {}).then(() => begin(slot, prepared))
  refreshes.next = { entry, portions }
  return entry
}

function begin(slot: Slot, refresh: () => Promise<RefillEntry>): Promise<RefillEntry> {
  const running = refresh()
  const turns: Refreshes = { running, next: undefined }
  slot.refreshes = turns
  const end = (): void => {
    // If another refresh waits, keep the state: that refresh takes over from this one.
    if (slot.refreshes === turns && turns.next === undefined) slot.refreshes = undefined
  }
  running.then(end, end)
  return running
}
