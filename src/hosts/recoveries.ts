import type { Request } from '../net/request.ts'
import { clearInterval, setInterval, setTimeout } from '../runtime.ts'
import { type Absence, type SendTo, VOUCH_MS } from './absence.ts'
import type { Host } from './host.ts'
import { type HomeKey, isBlind, lookBounds } from './notices.ts'
import type { ClusterPolicy } from './policy.ts'
import { Recovery, type RecoveryOwner } from './recovery.ts'
import type { Routes } from './routes.ts'

/** How often to look whether another process has handed a key home. */
const PAUSE_MS = 20

/** The parts of the cluster that recoveries use. */
export interface RecoveriesOwner {
  readonly policy: ClusterPolicy
  /** While keys move to another list, nothing is handed home. */
  readonly handovers: { readonly gate: object | undefined }
  readonly routes: Pick<Routes, 'standInOf' | 'gutter'>
  readonly send: SendTo
}

/** All hosts that returned, and the fallback hosts that hand values home to them. */
export class Recoveries implements RecoveryOwner {
  readonly #owner: RecoveriesOwner
  readonly #byHome = new Map<Host, Map<Host, Recovery>>()
  /** Those that are not over, with the copies to delete then. */
  readonly #active = new Map<Recovery, Absence[]>()
  readonly #own = new WeakSet<Request>()
  /** Called with an outage whose copies are no longer needed. */
  readonly #onOver: (absence: Absence) => void
  #timer: NodeJS.Timeout | undefined
  #ending: Promise<void> | undefined

  /** Called when a host has returned that this process may not have seen out. */
  readonly #onOpen: (home: Host) => void
  readonly flag: RecoveryOwner['flag']

  constructor(
    owner: RecoveriesOwner,
    onOver: (absence: Absence) => void,
    onOpen: (home: Host) => void,
    flag: RecoveryOwner['flag'],
  ) {
    this.#owner = owner
    this.#onOver = onOver
    this.#onOpen = onOpen
    this.flag = flag
  }

  get isEmpty(): boolean {
    return this.#active.size === 0
  }

  isActive(home: Host, standIn: Host): boolean {
    const recovery = this.isEmpty ? undefined : this.#byHome.get(home)?.get(standIn)
    return recovery !== undefined && this.#active.has(recovery) && this.handHomeMs > 0
  }

  /** Ends before processes that start would no longer find out that the host was out. */
  get handHomeMs(): number {
    const { policy, handovers } = this.#owner
    return handovers.gate === undefined
      ? Math.min(policy.handover * 1000, policy.missedTtl * 500)
      : 0
  }

  /** Whether a request is one of those that hand values home. */
  isOwn(request: Request): boolean {
    return this.#own.has(request)
  }

  /** Begins to hand values home, unless that has begun since the host returned. */
  expect(home: Host, standIn: Host): Recovery {
    const byStandIn = this.#byHome.get(home) ?? new Map<Host, Recovery>()
    this.#byHome.set(home, byStandIn)
    const known = byStandIn.get(standIn)
    if (known !== undefined) return known
    const recovery = new Recovery(home, standIn, this, this.#owner.policy.maxOwedKeys)
    byStandIn.set(standIn, recovery)
    this.#active.set(recovery, [])
    this.#timer ??= setInterval(() => this.#look(), VOUCH_MS).unref()
    return recovery
  }

  /** Keeps the copies of an outage that is over until they need not be handed home any more. */
  keep(absence: Absence): void {
    const { home, standIn, wasGone } = absence
    // Processes that start do not ask the gutter which hosts were out.
    const isGutter = this.#owner.routes.gutter !== undefined
    const recovery = isGutter ? undefined : this.expect(home, standIn)
    if (wasGone) recovery?.look(true)
    const copies = recovery && this.#active.get(recovery)
    if (copies === undefined) this.#onOver(absence)
    else copies.push(absence)
  }

  /** Forgets what was handed home to a host that is out again, or was restarted. */
  drop(home: Host): void {
    for (const recovery of this.#byHome.get(home)?.values() ?? []) this.#over(recovery)
    this.#byHome.delete(home)
  }

  /** Has a key looked for again that was deleted at home. */
  recheck({ home, wireKey }: HomeKey): void {
    for (const recovery of this.#byHome.get(home)?.values() ?? []) recovery.recheck(wireKey)
  }

  /** Returns a promise to await before a request for a key is sent to the key's own host. */
  before(key: HomeKey, standIn: Host | undefined, request: Request): Promise<void> | undefined {
    if (this.isEmpty) return undefined
    if (this.#ending !== undefined || this.handHomeMs === 0) return this.end()
    const recovery = standIn && this.#byHome.get(key.home)?.get(standIn)
    const { effect } = request.verb
    // A copy may not live longer than the item at home: a shorter life counts as a change.
    const isChange = effect !== 'read'
    return recovery?.before(key, isChange, effect === 'change' && isBlind(request))
  }

  /** Has no process hand values home any more, because the placement of keys changes. */
  end(): Promise<void> | undefined {
    if (this.isEmpty) return this.#ending
    this.#ending ??= Promise.allSettled([...this.#active.keys()].map((one) => one.close())).then(
      () => {
        this.#ending = undefined
      },
    )
    return this.#ending
  }

  close(): void {
    this.#active.clear()
    this.#rest()
  }

  // The methods of RecoveryOwner.

  ask<Result, Context>(host: Host, request: Request<Result, Context>): Promise<Result> {
    request.ordered = true
    request.bounds = lookBounds(this.#owner.policy)
    this.#own.add(request as Request)
    this.#owner.send(host, request as Request)
    return request.promise
  }

  async pause(): Promise<void> {
    await new Promise((wake) => setTimeout(wake, PAUSE_MS))
  }

  decided(recovery: Recovery): void {
    if (recovery.isOver) this.#over(recovery)
    else this.#onOpen(recovery.home)
  }

  #look(): void {
    for (const recovery of this.#active.keys()) {
      if (recovery.isOver) this.#over(recovery)
      else recovery.look()
    }
  }

  #over(recovery: Recovery): void {
    for (const absence of this.#active.get(recovery) ?? []) this.#onOver(absence)
    this.#active.delete(recovery)
    if (this.isEmpty) this.#rest()
  }

  #rest(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
