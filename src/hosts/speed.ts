import { MintringError } from '../errors.ts'
import type { ClusterHooks } from './hooks.ts'
import type { ClusterPolicy } from './policy.ts'

/** A host is slow when it takes so many times as long to reply as the median of its peers. */
const SLOW_FACTOR = 10
/** And at least so long: below that a busy process looks the same. */
const SLOW_MS = 20
/** Replies are averaged over a window, and so many windows in a row decide. */
const WINDOW_MS = 1_000
const DECIDING_WINDOWS = 3
/** Fewer replies in a window prove nothing. */
const MIN_REPLIES = 5
/** With `slowHosts: 'bypass'` one read in so many still goes there, to see whether it recovered. */
const READS_PER_TRIAL = 16

/** A host whose replies are timed. */
interface Timed {
  readonly name: string
  readonly address: string
  readonly speed: Speed
  ejectSlow(error: MintringError): void
}

/** How fast one host replies. */
export class Speed {
  /** The mean of the last window with enough replies; undefined before that. */
  replyMs: number | undefined
  /** It was much slower than its peers for several windows in a row. */
  isSlow = false
  #sumMs = 0
  #replies = 0
  #windows = 0
  #reads = 0

  note(tookMs: number): void {
    this.#sumMs += tookMs
    this.#replies++
  }

  /** The window is over. Returns whether it brought enough replies to judge. */
  close(): boolean {
    const isEnough = this.#replies >= MIN_REPLIES
    if (isEnough) this.replyMs = this.#sumMs / this.#replies
    this.#sumMs = this.#replies = 0
    return isEnough
  }

  /** Judges the last window beside the median of the peers. Returns whether `isSlow` changed. */
  judge(peersMs: number): boolean {
    const limitMs = Math.max(SLOW_MS, SLOW_FACTOR * peersMs)
    // A host at the limit must not change at every look.
    const isOver = this.replyMs! >= (this.isSlow ? limitMs / 2 : limitMs)
    this.#windows = isOver === this.isSlow ? 0 : this.#windows + 1
    if (this.#windows < DECIDING_WINDOWS) return false
    this.#windows = 0
    this.isSlow = isOver
    return true
  }

  /** Whether a read may go without this host. */
  get mayBypass(): boolean {
    return this.isSlow && ++this.#reads % READS_PER_TRIAL !== 0
  }

  /** What is known is of a time before it was away. */
  forget(): void {
    this.replyMs = undefined
    this.isSlow = false
    this.#sumMs = this.#replies = this.#windows = 0
  }
}

/** The hosts that are compared, and what is done with the outcome. */
interface Peers {
  readonly hosts: readonly Timed[]
  readonly policy: Pick<ClusterPolicy, 'slowHosts'>
  readonly hooks: ClusterHooks
}

/** Compares the hosts of one list, once a window. Times are on the caller's monotonic clock. */
export class SpeedCheck {
  readonly #peers: Peers
  #dueMs = 0

  constructor(peers: Peers) {
    this.#peers = peers
  }

  /** Whether a read may go without its host, which is slow, as `slowHosts: 'bypass'` asks. */
  mayBypass(host: Timed | undefined): boolean {
    return this.#peers.policy.slowHosts === 'bypass' && host?.speed.mayBypass === true
  }

  /** Tells of hosts that became slow or are no longer, when a window is over. */
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
      if (peersMs === undefined || !host.speed.judge(peersMs)) continue
      const { name, address, speed } = host
      const { replyMs = 0, isSlow } = speed
      hooks.slow?.({ host: name, address, isSlow, replyMs, peersMs })
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
