import type { Lane } from '../net/lane.ts'
import { DELETE_DEBT, type Debt, type Request } from '../net/request.ts'
import { clearInterval, setInterval } from '../runtime.ts'
import { Absence, VOUCH_MS } from './absence.ts'
import { identityOf } from './address.ts'
import type { Host } from './host.ts'
import { type HomeKey, isBlind, MissedNotices, type NoticeOwner } from './notices.ts'
import type { Places } from './places.ts'
import { Recoveries, type RecoveriesOwner } from './recoveries.ts'
import { TimeSlice } from './time-slice.ts'

/** How many earlier placements (server lists, weights) are remembered. */
const MAX_PAST_PLACES = 8

/** An earlier placement, whose hosts may still have copies. */
interface PastPlaces {
  readonly places: Places
  /** Keys whose copies in this placement have been deleted since it was replaced. */
  readonly cleared: Set<string>
}

/** The parts of the cluster that an Account uses. */
export interface AccountOwner extends NoticeOwner, RecoveriesOwner {
  /** Returns the home of a key, in the places that the request uses. */
  homeOf(routeKey: string, request: Request): Host
}

/** A write without an outcome. */
interface OpenWrite {
  readonly request: Request
  readonly keys: readonly RoutedKey[]
}

/** A key of a request. */
export type RoutedKey = readonly [routeKey: string, wireKey: string]

/**
 * Tracks which hosts may have copies of keys away from their own host. Also records the changes
 * that each host missed, which it must apply before its values are used. All requests pass here on
 * their way to a host, so no verb can forget it. docs/reliability.md states the guarantees.
 */
export class Account {
  readonly #owner: AccountOwner
  readonly #absences = new Map<Host, Map<Host, Absence>>()
  /**
   * The marker of the last outage, by the key's own host and the fallback host; the next outage has
   * another.
   */
  readonly #lastMarks = new Map<string, string>()
  readonly #past: PastPlaces[] = []
  /** Hosts with copies of keys away from home that only a filter contains. */
  readonly #filtered = new Set<Host>()
  /** Writes on fallback hosts that have no outcome yet. */
  readonly #open = new Set<OpenWrite>()
  readonly #notices: MissedNotices
  readonly #recoveries: Recoveries
  #timer: NodeJS.Timeout | undefined

  constructor(owner: AccountOwner) {
    this.#owner = owner
    this.#recoveries = new Recoveries(
      owner,
      (absence) => void this.#clear(absence),
      (home) => this.#notices.returned(home),
      (home, standIn) => this.#notices.counts.flag(home, standIn, true),
    )
    this.#notices = new MissedNotices(
      owner,
      (home, standIn) => this.#recoveries.expect(home, standIn),
      (key) => this.#recoveries.recheck(key),
    )
  }

  /**
   * Whether nothing is remembered that concerns a request: no outage, earlier placement, notice,
   * filter, or host whose values are handed home. Requests then need no checks.
   */
  get isEmpty(): boolean {
    if (this.#absences.size > 0 || this.#past.length > 0 || this.#filtered.size > 0) return false
    return this.#notices.isEmpty && this.#recoveries.isEmpty
  }

  /**
   * Records a request before it can take effect on `host`. Returns a promise to await before
   * sending it; undefined if there is nothing to wait for.
   */
  admit(host: Host, request: Request, keys: readonly RoutedKey[]): Promise<void> | undefined {
    if (this.#recoveries.isOwn(request)) return undefined
    const { effect } = request.verb
    const isWrite = effect === 'change' || effect === 'remove'
    const isBase64 = request.verb.debt?.(request).isBase64 === true
    const checks = new Map<Absence, string[]>()
    const waits = new Set<Promise<void>>()
    for (const [routeKey, wireKey] of keys) {
      const home = this.#owner.homeOf(routeKey, request)
      const key: HomeKey = { home, routeKey, wireKey, isBase64 }
      for (const other of this.#filtered) this.#clearCopy(other, key)
      if (home === host) {
        const told = this.#atHome(key, request)
        if (told !== undefined) waits.add(told)
        continue
      }
      const absence = this.#absenceOf(home, host)
      // Recorded before the copy can exist, because the outcome of the write may stay unknown.
      if (isWrite) {
        absence.note(wireKey)
        const opening = absence.open((id) => this.#isOfBefore(absence, id))
        if (opening !== undefined) waits.add(opening)
      }
      const isToldLater = isWrite && !request.isOnce
      if (isToldLater) waits.add(this.#notices.leave(key, host, request))
      const pending = absence.pending.get(wireKey)
      if (pending !== undefined) waits.add(pending)
      if (pending !== undefined || absence.copies.has(wireKey) || isBlind(request)) continue
      const unknown = checks.get(absence)
      if (unknown === undefined) checks.set(absence, [wireKey])
      else unknown.push(wireKey)
    }
    if (isWrite) this.#settleLater(host, request, keys)
    for (const [absence, unknown] of checks) waits.add(this.#check(absence, unknown))
    return waits.size === 0 ? undefined : Promise.all(waits).then(() => {})
  }

  /** Returns a promise to await before a request is sent to its key's own host. */
  #atHome(key: HomeKey, request: Request): Promise<void> | undefined {
    if (request.isOnce) return undefined
    const standIn = this.#owner.routes.standInOf(key.routeKey, key.home, request)
    const asked = standIn && this.#notices.counts.ask(standIn)
    // An ordered request must not overtake one before it that waits.
    const isFree = isBlind(request) && !request.ordered
    const told = isFree ? undefined : this.#notices.check(key)
    const handed = (): Promise<void> | undefined => this.#recoveries.before(key, standIn, request)
    if (asked === undefined && told === undefined) return handed()
    return Promise.all([asked, told]).then(handed)
  }

  /** Whether changes on a host also delete the copies that a fallback host has for it. */
  isHandingHome(home: Host, standIn: Host): boolean {
    return this.#recoveries.isActive(home, standIn)
  }

  /** Has no process hand values home any more, because the placement of keys changes. */
  endRecoveries(): Promise<void> | undefined {
    return this.#recoveries.end()
  }

  /** Deletes a copy whose key only a filter contains: a request has told the key's name. */
  #clearCopy(host: Host, { home, wireKey, isBase64 }: HomeKey): void {
    const { debts } = host
    if (home !== host && debts.find(wireKey, isBase64) !== undefined) host.deliver()
    if (!debts.canWorkOff || host.index < 0) this.#filtered.delete(host)
  }

  /** Returns the hosts that may have an older copy after a write to `host`. */
  #othersWith(host: Host, home: Host, routeKey: string, wireKey: string, debt: Debt): Set<Host> {
    const others = new Set<Host>()
    if (home !== host) others.add(home)
    for (const absence of this.#absences.get(home)?.values() ?? []) {
      if (absence.standIn !== host && absence.mayHold(wireKey)) others.add(absence.standIn)
    }
    for (const { places, cleared } of this.#past) {
      const once = places.homeOf(routeKey)
      // A host that left the list and returned is a new object, and keeps its missed changes.
      if (once.debts === host.debts || once.debts === home.debts || cleared.has(wireKey)) continue
      others.add(once)
      if (cleared.size >= this.#owner.policy.maxOwedKeys) cleared.clear()
      if (!debt.isMark) cleared.add(wireKey)
    }
    return others
  }

  /** Called when a host is dialled that has no connection left: it may have been restarted. */
  reconnecting(host: Host): void {
    this.#recoveries.drop(host)
    this.#notices.counts.reconnecting(host)
  }

  dialled(host: Host): string | undefined {
    return this.#notices.counts.dialled(host)
  }

  greeted(host: Host, lane: Lane, isFlagged: boolean): void {
    this.#notices.counts.greeted(host, lane, isFlagged)
  }

  /** Remembers the placement that is being replaced, because its hosts keep their items. */
  placesChanged(before: Places, after: Places): void {
    if (before.isLike(after)) return
    void this.#recoveries.end()
    for (const { cleared } of this.#past) cleared.clear()
    this.#past.unshift({ places: before, cleared: new Set() })
    this.#past.splice(MAX_PAST_PLACES)
  }

  /**
   * Returns the missed changes of a host that left the list, for a new host with the same identity.
   */
  debtsOf(identity: string): Host['debts'] | undefined {
    for (const { places } of this.#past) {
      const host = places.hosts.find((one) => identityOf(one.server) === identity)
      if (host !== undefined) return host.debts
    }
    return undefined
  }

  /**
   * Handles a host that became usable or unusable. Its return ends its outages, and with them the
   * copies on fallback hosts.
   */
  async hostChanged(home: Host): Promise<void> {
    this.#notices.hostChanged(home)
    if (!home.usable) {
      this.#recoveries.drop(home)
      return
    }
    this.#oweOpen(home)
    for (const absence of this.#absences.get(home)?.values() ?? []) this.#returned(absence)
  }

  close(): void {
    this.#notices.close()
    this.#recoveries.close()
    this.#rest()
  }

  #rest(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /**
   * Records missed changes once the outcome of a write is known. A write with an unknown outcome
   * counts as executed.
   */
  #settleLater(host: Host, request: Request, keys: readonly RoutedKey[]): void {
    const open = { request, keys }
    if (!request.isOnce) this.#open.add(open)
    const done = (isKnown: boolean): void => this.#done(host, request, keys, isKnown)
    request.promise.then(
      () => {
        this.#open.delete(open)
        const { attempt } = request
        // Another host has run it: that one's outcome counts. Here it may still have run.
        if (attempt !== undefined && attempt.router !== host) this.#doubt(host, request, keys)
        else if (attempt?.isUnchanged !== true) done(true)
      },
      () => {
        this.#open.delete(open)
        if (request.sent) done(false)
      },
    )
  }

  /**
   * Records missed changes of a host that returns before the writes on its fallback hosts have an
   * outcome: other callers may have read their values there.
   */
  #oweOpen(home: Host): void {
    for (const { request, keys } of this.#open) {
      if (!request.sent) continue
      const debt = request.verb.debt?.(request) ?? DELETE_DEBT
      for (const [routeKey, wireKey] of keys) {
        const isMissed = this.#owner.homeOf(routeKey, request) === home
        if (isMissed && request.attempt?.router !== home) this.owe(home, wireKey, debt)
      }
    }
  }

  /** Handles a write that an earlier attempt may have run on a fallback host that returned it. */
  #doubt(host: Host, request: Request, keys: readonly RoutedKey[]): void {
    if (!request.sent) return
    const { isBase64 } = request.verb.debt?.(request) ?? DELETE_DEBT
    for (const [routeKey, wireKey] of keys) {
      const home = this.#owner.homeOf(routeKey, request)
      const absence = this.#absences.get(home)?.get(host)
      const isLate = home !== host && (absence === undefined || absence.isOver)
      if (isLate) this.owe(host, wireKey, { ...DELETE_DEBT, isBase64 })
    }
  }

  #done(host: Host, request: Request, keys: readonly RoutedKey[], isKnown: boolean): void {
    // A refill that deletes releases a lease, and changes no value. So other copies do not become
    // outdated.
    const isLoad = request.isOnce
    const debt = request.verb.debt?.(request) ?? DELETE_DEBT
    for (const [routeKey, wireKey] of keys) {
      const home = this.#owner.homeOf(routeKey, request)
      if (!isLoad) {
        for (const other of this.#othersWith(host, home, routeKey, wireKey, debt)) {
          this.owe(other, wireKey, debt)
        }
      }
      const absence = this.#absences.get(home)?.get(host)
      // If the host has returned meanwhile, the copy on the fallback host must be deleted.
      const isLate = home !== host && (absence === undefined || absence.isOver)
      if (isLate) this.owe(host, wireKey, { ...DELETE_DEBT, isBase64: debt.isBase64 })
      else if (absence !== undefined && isKnown) this.#remember(absence, wireKey)
      else absence?.note(wireKey)
    }
  }

  /**
   * Records a change that a host missed. The host gets it in the background, or before the next
   * command on the key.
   */
  owe(host: Host, wireKey: string, debt: Debt): void {
    host.debts.add(wireKey, debt, this.#owner.policy.maxOwedKeys)
    host.deliver()
  }

  #absenceOf(home: Host, standIn: Host): Absence {
    let byStandIn = this.#absences.get(home)
    const known = byStandIn?.get(standIn)
    if (known !== undefined && !known.isOver) return known
    if (known !== undefined) void this.#end(known)
    const { send, policy } = this.#owner
    const flag = (): Promise<boolean> | undefined => this.#notices.counts.flag(home, standIn)
    const absence = new Absence(home, standIn, send, policy.maxOwedKeys, flag)
    byStandIn = this.#absences.get(home) ?? new Map<Host, Absence>()
    byStandIn.set(standIn, absence)
    this.#absences.set(home, byStandIn)
    this.#timer ??= setInterval(() => this.#vouch(), VOUCH_MS).unref()
    return absence
  }

  #remember(absence: Absence, wireKey: string): void {
    // Keys beyond the limit are not remembered as checked, so each of their requests checks again.
    if (absence.copies.size < this.#owner.policy.maxOwedKeys) absence.copies.add(wireKey)
  }

  #check(absence: Absence, wireKeys: readonly string[]): Promise<void> {
    return absence.check(wireKeys, (id) => this.#isOfBefore(absence, id))
  }

  /** Whether a marker belongs to an earlier outage. */
  #isOfBefore(absence: Absence, id: string): boolean {
    return this.#lastMarks.get(markName(absence)) === id
  }

  #vouch(): void {
    for (const [home, byStandIn] of this.#absences) {
      for (const absence of byStandIn.values()) {
        if (absence.isOver || home.usable) void this.#end(absence)
        else absence.vouch()
      }
    }
    if (this.#absences.size === 0) this.#rest()
  }

  /** Keeps the copies on a fallback host until they need not be handed home any more. */
  #returned(absence: Absence): void {
    this.#leave(absence)
    absence.vouch()
    this.#recoveries.keep(absence)
  }

  async #end(absence: Absence): Promise<void> {
    this.#leave(absence)
    await this.#clear(absence)
  }

  #leave(absence: Absence): void {
    const { home, standIn } = absence
    const byStandIn = this.#absences.get(home)
    if (byStandIn?.get(standIn) === absence) byStandIn.delete(standIn)
    if (byStandIn?.size === 0) this.#absences.delete(home)
    if (absence.id !== '') this.#lastMarks.set(markName(absence), absence.id)
  }

  /** Deletes the copies on a fallback host. */
  async #clear(absence: Absence): Promise<void> {
    const { standIn } = absence
    absence.close()
    const slice = new TimeSlice()
    const { maxOwedKeys } = this.#owner.policy
    // Add the filter first: the loop below takes several ticks, and the missed changes must count
    // from the first on.
    if (absence.beyond !== undefined) {
      standIn.debts.addFilter(absence.beyond, maxOwedKeys)
      this.#filtered.add(standIn)
    }
    for (const keys of [absence.copies, absence.written]) {
      for (const wireKey of keys) {
        standIn.debts.add(wireKey, DELETE_DEBT, maxOwedKeys)
        if (slice.isOver()) await slice.next()
      }
    }
    standIn.deliver()
  }
}

function markName({ home, standIn }: Absence): string {
  return `${home.name} ${standIn.name}`
}
