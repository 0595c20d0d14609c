import { MintringError } from '../errors.ts'
import type { ClusterHooks } from './hooks.ts'
import type { ClusterPolicy } from './policy.ts'

/** A host is slow if its replies take this many times the median of its peers. */
const SLOW_FACTOR = 10
/** A host is not slow below this average, because shorter delays also occur in a busy process. */
const SLOW_MS = 20
/** The length of a window, in which replies are averaged; several windows in a row decide. */
const WINDOW_MS = 1_000
const DECIDING_WINDOWS = 3
/** A window with fewer replies is ignored. */
const MIN_REPLIES = 5
/**
 * With `slowHosts: 'bypass'`, one in this many reads still goes to a slow host, to see if it
 * recovered.
 */
const READS_PER_TRIAL = 16

/** A host whose reply times are measured. */
interface Timed {
  readonly name: string
  readonly address: string
  readonly speed: Speed
  ejectSlow(error: MintringError): void
}

/** The reply times of one host. */
export class Speed {
  /** The average of the last window with enough replies; undefined before that. */
  replyMs: number | undefined
  /** Whether the host was much slower than its peers for several windows in a row. */
  isSlow = false
  /** Not 0, which V8 stores in another way than the fractions that follow. */
  #sumMs = -0
  #replies = 0
  #windows = 0
  #reads = 0

  note(tookMs: number): void {
    this.#sumMs += tookMs
    this.#replies++
  }

  /** Ends the window. Returns whether it had enough replies. */
  close(): boolean {
    const isEnough = this.#replies >= MIN_REPLIES
    if (isEnough) this.replyMs = this.#sumMs / this.#replies
    this.#sumMs = this.#replies = 0
    return isEnough
  }

  /** Compares the last window with the median of the peers. Returns whether `isSlow` changed. */
  judge(peersMs: number): boolean {
    const limitMs = Math.max(SLOW_MS, SLOW_FACTOR * peersMs)
    // Use a lower limit for recovery, so that a host at the limit does not flap.
    const isOver = this.replyMs! >= (this.isSlow ? limitMs / 2 : limitMs)
    this.#windows = isOver === this.isSlow ? 0 : this.#windows + 1
    if (this.#windows < DECIDING_WINDOWS) return false
    this.#windows = 0
    this.isSlow = isOver
    return true
  }

  /** Whether a read may skip this host. */
  get mayBypass(): boolean {
    return this.isSlow && ++this.#reads % READS_PER_TRIAL !== 0
  }

  /** Forgets the measurements, because the host was down since. */
  forget(): void {
    this.replyMs = undefined
    this.isSlow = false
    this.#sumMs = this.#replies = this.#windows = 0
  }
}

/** The hosts to compare, and the settings and hooks for slow ones. */
interface Peers {
  readonly hosts: readonly Timed[]
  readonly policy: Pick<ClusterPolicy, 'slowHosts'>
  readonly hooks: ClusterHooks
}

/** Compares the hosts of one list, once per window. Times are on the caller's monotonic clock. */
export class SpeedCheck {
  readonly #peers: Peers
  #dueMs = 0

  constructor(peers: Peers) {
    this.#peers = peers
  }

  /** Whether a read may skip its slow host, under `slowHosts: 'bypass'`. */
  mayBypass(host: Timed | undefined): boolean {
    return this.#peers.policy.slowHosts === 'bypass' && host?.speed.mayBypass === true
  }

  /** Ends the window if it is due, and reports hosts that became slow or recovered. */
  lookAt(nowMs: number): void {
    if (nowMs < this.#dueMs) return
    const isFirst = this.#dueMs === 0
    this.#dueMs = nowMs + WINDOW_MS
    if (!isFirst) this.#compare(this.#peers)
  }

  #compare({ hosts, policy, hooks }: Peers): void {
    const judged = hosts.filter(({ speed }) => speed.close())
    for (const host of judged) {
      const others = hosts.filter((one) => one !== host)
      const peersMs = medianOf(others.map(({ speed }) => speed.replyMs))
      if (peersMs === undefined) continue
      const isNews = host.speed.judge(peersMs)
      const { name, address, speed } = host
      const { replyMs = 0, isSlow } = speed
      if (isNews) hooks.slow?.({ host: name, address, isSlow, replyMs, peersMs })
      // Checked at each window, so that a host that was slow before the setting became 'eject' is
      // ejected too.
      if (!isSlow || policy.slowHosts !== 'eject') continue
      const times = `${Math.round(replyMs)} ms on average, its peers in ${Math.round(peersMs)} ms`
      const message = `${name} replies in ${times}`
      host.ejectSlow(new MintringError('MINTRING_TIMEOUT', message, { host: name }))
    }
  }
}

function medianOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined).sort((a, b) => a - b)
  return known[known.length >> 1]
}
