import type { MintringError } from '../errors.ts'
import type { LaneEnd } from '../net/lane-owner.ts'
import { clearTimeout, performance, setTimeout, unixMs } from '../runtime.ts'
import { HEALTHY, type Health, type HealthEvent, isOut, nextHealth, withRules } from './health.ts'
import type { ClusterHooks } from './hooks.ts'
import type { ClusterPolicy } from './policy.ts'

/** A connection that ends sooner counts as not opened. */
const MIN_LANE_LIFE_MS = 100

/** The host that a HostHealth monitors, ejects and brings back. */
export interface Patient {
  readonly name: string
  readonly address: string
  readonly settings: ClusterPolicy
  readonly hooks: ClusterHooks
  /** Whether the host is the only one, so that its keys have no fallback. */
  readonly isAlone: boolean
  /** Whether a connection is open. */
  readonly isConnected: boolean
  /** Why the last connection ended or failed to open. */
  readonly lastError: MintringError | undefined
  /** Dials in the background. */
  openLane(): unknown
  /** Called when `usable` or `isOut` changed. */
  changed(): void
  /** Called when the host was ejected: its queued requests must go to other hosts. */
  ejected(): void
}

/** Runs the health machine of one host: timers, background dials, and hooks. */
export class HostHealth {
  readonly #patient: Patient
  #health: Health = HEALTHY
  #usable = true
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #endedYoung = false
  /** Not 0, as in net/shapes.ts: V8 stores times in another way than small integers. */
  #leftMs = Number.NEGATIVE_INFINITY

  constructor(patient: Patient) {
    this.#patient = patient
  }

  get current(): Health {
    return this.#health
  }

  get isOut(): boolean {
    return isOut(this.#health)
  }

  /** Whether the host accepts requests: it is not ejected, and not known to refuse connections. */
  get usable(): boolean {
    return this.#usable
  }

  tell(event: HealthEvent): void {
    const patient = this.#patient
    const before = this.#health
    const nowMs = performance.now()
    // Wrong credentials are not an outage; an ejection would hide them.
    const isMistake = patient.lastError?.code === 'MINTRING_AUTH' && event === 'dialFailed'
    const mayStay = isMistake || patient.isAlone
    const rules = mayStay ? { ...patient.settings, autoEjectHosts: false } : patient.settings
    const after = nextHealth(before, event, nowMs, rules, Math.random())
    this.#health = after
    const isUsable = !isOut(after) && (after.dialFailures === 0 || patient.isConnected)
    const isChanged = isUsable !== this.#usable || isOut(before) !== isOut(after)
    this.#usable = isUsable
    if (isChanged) patient.changed()
    this.#announce(before, after, nowMs)
    if (!isOut(before) && isOut(after)) patient.ejected()
    this.#schedule(nowMs)
  }

  /**
   * Whether the end of a connection counts as a failed dial. The first short-lived connection does
   * not, because it is redialled at once; a second in a row does.
   */
  isTooShort(end: LaneEnd, livedMs: number): boolean {
    const isYoung = end !== 'dial' && livedMs < MIN_LANE_LIFE_MS
    const isTooShort = isYoung && (end === 'lost' || end === 'idle') && this.#endedYoung
    this.#endedYoung = isYoung
    return isTooShort
  }

  /** Records that the host left the list. */
  leave(): void {
    this.#leftMs = performance.now()
  }

  /**
   * Records a timeout without any reply, or a failed dial. `answeredMs` is when the last reply
   * arrived. Hosts usually leave the list because they are down: if it has not replied since, it is
   * ejected at once, and its requests are retried in time on the new hosts of their keys.
   */
  noReply(event: 'failed' | 'dialFailed', answeredMs: number): void {
    this.tell(answeredMs < this.#leftMs ? 'abandoned' : event)
  }

  /** Applies new settings, under which a pending probe may be due sooner. */
  applyRules(): void {
    const nowMs = performance.now()
    this.#health = withRules(this.#health, nowMs, this.#patient.settings, Math.random())
    this.#schedule(nowMs)
  }

  /** Dials the host now, if it is ejected. */
  probe(): void {
    if (this.#health.name === 'ejected' && !this.#isStopped) this.#dial()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  /** Returns when the next probe is due, in Unix milliseconds; undefined if none is. */
  nextProbeAtMs(nowMs: number): number | undefined {
    const { nextProbeMs } = this.#health
    if (nextProbeMs === Number.POSITIVE_INFINITY) return undefined
    return Math.round(unixMs() + nextProbeMs - nowMs)
  }

  #announce(before: Health, after: Health, nowMs: number): void {
    if (before.name === after.name) return
    const { hooks, name: host, address, lastError } = this.#patient
    const reason = lastError?.code
    if (after.name === 'ejected') {
      const nextProbeAtMs = this.nextProbeAtMs(nowMs)
      if (isOut(before)) hooks.probe?.({ host, address, ok: false, reason, nextProbeAtMs })
      else hooks.eject?.({ host, address, failures: after.failures, reason, nextProbeAtMs })
    } else if (after.name === 'returning') {
      hooks.probe?.({ host, address, ok: true })
    } else if (before.name === 'returning') {
      hooks.return?.({ host, address, ejectedForMs: nowMs - before.ejectedMs })
    }
  }

  /** Schedules the next dial after a failed one. Only this timer redials; requests never do. */
  #schedule(nowMs: number): void {
    clearTimeout(this.#timer)
    if (this.#isStopped) return
    const { name, nextProbeMs, nextDialMs, dialFailures } = this.#health
    const isRedial = name === 'suspect' && dialFailures > 0
    const dueMs = name === 'ejected' ? nextProbeMs : isRedial ? nextDialMs : undefined
    if (dueMs === undefined) return
    this.#timer = setTimeout(() => this.#dial(), Math.max(1, dueMs - nowMs))
    this.#timer.unref()
  }

  #dial(): void {
    if (this.#health.name === 'ejected') this.tell('probeStarted')
    this.#patient.openLane()
  }
}
