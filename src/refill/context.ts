import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from '../clock.ts'
import { MintringError } from '../errors.ts'
import { Gate } from '../gate.ts'
import { TagDesk } from '../tags/desk.ts'
import { ClassicPath } from './paths/classic-path.ts'
import { MetaPath } from './paths/meta-path.ts'
import type { Path } from './paths/path.ts'
import { SidecarPath } from './paths/sidecar-path.ts'
import type { Policy } from './policy.ts'
import { withinWait } from './share.ts'
import type { Place, RefillStore } from './store.ts'
import { TagJudge } from './tagged.ts'
import { type RefillEvent, type RefillEventName, type RefillHooks, Tally } from './tally.ts'

/** How many reads, stores or invalidations of batches run at once. */
const MAX_AT_ONCE = 512
/**
 * How long close() waits for replies that may give this client a lease, in parts: between two parts
 * a process that was blocked reads the replies that have arrived.
 */
const LAST_REPLIES_MS = 100
const LAST_REPLIES_PARTS = 5
const PART_MS = LAST_REPLIES_MS / LAST_REPLIES_PARTS

/** Runs a listener outside the async context of any request, because it serves many requests. */
const outside = AsyncLocalStorage.snapshot()

/** A running load. */
interface Load {
  /** Aborts its loader, and releases its lease if it has one. */
  abandon(reason: unknown): void
}

/** The hooks and the counters of refills. */
interface ContextSettings {
  readonly hooks?: RefillHooks | undefined
  readonly tally?: Tally | undefined
}

/** What all refills of a client share, and the loads that are running. */
export class RefillContext {
  readonly store: RefillStore
  readonly clock: Clock
  readonly tally: Tally
  readonly tags: TagDesk
  readonly judge: TagJudge
  /** Limits concurrent reads, stores and invalidations: one call may have thousands of keys. */
  readonly gate: Gate = new Gate(MAX_AT_ONCE)
  /** The same for commands that no call waits for directly: renewals, releases and polls. */
  readonly aside: Gate = new Gate(MAX_AT_ONCE)
  readonly #hooks: RefillHooks | undefined
  readonly #paths: { readonly inline: Path; readonly sidecar: Path; readonly classic: Path }
  /** The running loads, with the ends of those under a lease: close() waits for these. */
  readonly #loads = new Map<Load, Promise<unknown> | undefined>()
  readonly #background = new Set<Promise<void>>()
  /** Why no more loads start; undefined as long as they may. */
  closedWith: unknown
  #asked = 0
  #wake: (() => void) | undefined

  constructor(store: RefillStore, clock: Clock, { hooks, tally }: ContextSettings) {
    this.store = store
    this.clock = clock
    this.tally = tally ?? new Tally()
    this.tags = new TagDesk(store, clock)
    this.judge = new TagJudge(this.tags, clock)
    this.#hooks = hooks
    this.#paths = {
      inline: new MetaPath(store),
      sidecar: new SidecarPath(store),
      classic: new ClassicPath(store, clock),
    }
  }

  /** How many loads are running. */
  get loads(): number {
    return this.#loads.size + this.#background.size
  }

  /**
   * Returns the path of a policy on one server. Throws MINTRING_BAD_POLICY for a policy that the
   * server cannot serve.
   */
  pathOf({ isSidecar, tagText }: Policy, place: Place | undefined): Path {
    const { inline, sidecar, classic } = this.#paths
    if (place?.dialect !== 'classic') return isSidecar ? sidecar : inline
    if (isSidecar && tagText !== undefined) throw tooOld()
    return classic
  }

  report(name: RefillEventName, event: RefillEvent): void {
    const hooks = this.#hooks
    if (hooks !== undefined) outside(() => hooks.report(name, event))
  }

  /** Registers a load until its end. */
  track(load: Load, end: Promise<unknown>, hasLease: boolean): void {
    this.#loads.set(load, hasLease ? end : undefined)
    const over = (): void => {
      this.#loads.delete(load)
    }
    end.then(over, over)
  }

  /** Registers background work, which only close() waits for. */
  inBackground(work: Promise<void>): void {
    const tracked = work.finally(() => this.#background.delete(tracked))
    this.#background.add(tracked)
  }

  /** Records that a command was sent that may give this client a lease. */
  asks(): void {
    this.#asked++
  }

  replied(): void {
    this.#asked--
    if (this.#asked === 0) this.#wake?.()
  }

  /** Waits for the loads for up to `drainMs`, then aborts them. Releases all leases. */
  async close(drainMs: number, reason: unknown): Promise<void> {
    await withinWait(this.clock, drainMs, this.#ended())
    this.closedWith = reason
    for (const load of this.#loads.keys()) load.abandon(reason)
    const endMs = this.clock.nowMs() + LAST_REPLIES_MS
    for (let part = 0; part < LAST_REPLIES_PARTS; part++) {
      await withinWait(this.clock, PART_MS, this.#allReplied())
    }
    // By now all leases are on their way back, and a host that hangs would confirm none of them.
    const leftMs = Math.max(PART_MS, endMs - this.clock.nowMs())
    await withinWait(this.clock, leftMs, this.#over())
  }

  /** Resolves when all loads have ended, and the aborted ones have released their leases. */
  async #over(): Promise<void> {
    await this.#ended()
    await Promise.all(this.#background)
  }

  async #allReplied(): Promise<void> {
    // A reply can lead to another command, so repeat until none is pending.
    while (this.#asked > 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async #ended(): Promise<void> {
    await Promise.allSettled(this.#loads.values())
  }
}

/**
 * Returns the error for tags with `placeholder: 'sidecar'` on servers without meta commands: these
 * would store the tags inside the page.
 */
function tooOld(): MintringError {
  const what = "Keys with placeholder: 'sidecar' have tags only on servers with meta commands"
  return new MintringError('MINTRING_BAD_POLICY', `${what} (memcached 1.6.10 and later)`)
}
