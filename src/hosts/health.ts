/**
 * The state of a host:
 * - `up`: it replies.
 * - `suspect`: it failed, but not often enough to be ejected.
 * - `ejected`: it gets no requests.
 * - `probing`: a probe is in progress.
 * - `returning`: it replied to the probe, and gets the changes it missed.
 */
export type HealthName = 'up' | 'suspect' | 'ejected' | 'probing' | 'returning'

/**
 * An event of a host:
 * - `answered`: a request got its reply.
 * - `failed`: a connection with requests broke or stayed silent.
 * - `dialFailed`: no connection could be opened.
 * - `opened`: a connection was opened.
 * - `probeStarted`: an ejected host is being dialled in the background.
 * - `returned`: it got all changes it missed.
 * - `slow`: it replies much more slowly than its peers.
 * - `abandoned`: it left the list, and has not replied since.
 */
export type HealthEvent =
  | 'answered'
  | 'failed'
  | 'dialFailed'
  | 'opened'
  | 'probeStarted'
  | 'returned'
  | 'slow'
  | 'abandoned'

/** The settings that determine the transitions. */
export interface HealthRules {
  readonly autoEjectHosts: boolean
  readonly serverFailureLimit: number
  readonly retryTimeoutMs: number
  readonly deadTimeoutMs: number
  /** A silent host fails once per request timeout, so its failures are this far apart. */
  readonly requestTimeoutMs: number
}

/** The health of a host: immutable data. Times are on the caller's monotonic clock. */
export interface Health {
  readonly name: HealthName
  /** How many incidents (failures close together count as one) it had since its last reply. */
  readonly failures: number
  /** When the current incident started; failures shortly after belong to it. */
  readonly incidentMs: number
  /** The number of consecutive failed dials. */
  readonly dialFailures: number
  /** The earliest time at which the host may be dialled again. */
  readonly nextDialMs: number
  /** When the host was last ejected. */
  readonly ejectedMs: number
  /** When the next probe is due; Infinity if none is. */
  readonly nextProbeMs: number
  /** The number of ejections shortly after a return; each doubles the pause before a probe. */
  readonly relapses: number
  /** When the host last returned after an ejection. */
  readonly returnedMs: number
}

/** Failures within this time are one incident, such as ten connections that close together. */
const INCIDENT_MS = 100
/**
 * The time of one incident as a share of requestTimeoutMs: it applies where that is shorter than
 * INCIDENT_MS.
 */
const INCIDENT_SHARE = 0.5
/** A host that stays up this long after its return has recovered. */
const CALM_MS = 10_000
/** Failures further apart than this are not consecutive. */
const MIN_WINDOW_MS = 10_000
/** The first pause after a failed dial; it doubles up to retryTimeoutMs. */
const FIRST_BACKOFF_MS = 100
/** After a long outage, the pause between probes is this share of the outage's duration. */
const PROBE_SHARE = 0.1
/** Random jitter, so that many processes do not dial or probe a host at the same time. */
const JITTER_SHARE = 0.1

/** The health of a host without failures. */
export const HEALTHY: Health = Object.freeze({
  name: 'up',
  failures: 0,
  incidentMs: Number.NEGATIVE_INFINITY,
  dialFailures: 0,
  nextDialMs: 0,
  ejectedMs: 0,
  nextProbeMs: Number.POSITIVE_INFINITY,
  relapses: 0,
  returnedMs: Number.NEGATIVE_INFINITY,
})

/** Whether the host gets no requests. */
export function isOut(health: Health): boolean {
  return health.name === 'ejected' || health.name === 'probing' || health.name === 'returning'
}

/**
 * Returns the health after `event` at `nowMs`. `random` is in [0, 1) and spreads the dials of many
 * processes.
 */
export function nextHealth(
  health: Health,
  event: HealthEvent,
  nowMs: number,
  rules: HealthRules,
  random: number,
): Health {
  if (isOut(health)) return nextOut(health, event, nowMs, rules, random)
  if (event === 'answered') return recovered(health)
  if (event === 'opened') return { ...health, dialFailures: 0, nextDialMs: 0 }
  if (event === 'slow') return rules.autoEjectHosts ? ejected(health, nowMs, rules, random) : health
  if (event === 'abandoned') return ejected(health, nowMs, rules, random)
  if (event !== 'failed' && event !== 'dialFailed') return health
  const failed = withFailure(health, nowMs, rules)
  const next = event === 'dialFailed' ? withDialFailure(failed, nowMs, rules, random) : failed
  if (!rules.autoEjectHosts || next.failures < rules.serverFailureLimit) return next
  return ejected(next, nowMs, rules, random)
}

function ejected(health: Health, nowMs: number, rules: HealthRules, random: number): Health {
  const isRelapse = nowMs - health.returnedMs < calmMs(health, rules)
  const relapses = isRelapse ? health.relapses + 1 : 0
  const out: Health = { ...health, name: 'ejected', ejectedMs: nowMs, relapses }
  return { ...out, nextProbeMs: nextProbe(out, nowMs, rules, random) }
}

/** Returns a healthy state that remembers the last outage. */
function recovered({ relapses, returnedMs }: Health): Health {
  return returnedMs === HEALTHY.returnedMs ? HEALTHY : { ...HEALTHY, relapses, returnedMs }
}

/**
 * Returns how long a host must stay up after its return, so that its next failure is a new outage.
 */
function calmMs(health: Health, rules: HealthRules): number {
  return Math.max(CALM_MS, 2 * pauseMs(health, rules))
}

/** Returns the pause before a probe; each relapse doubles it. */
function pauseMs({ relapses }: Health, { retryTimeoutMs, deadTimeoutMs }: HealthRules): number {
  const longestMs = Math.max(retryTimeoutMs, deadTimeoutMs)
  return Math.min(longestMs, retryTimeoutMs * 2 ** Math.min(relapses, 20))
}

/** Applies new settings: a probe is due no later than if the last one had just failed. */
export function withRules(
  health: Health,
  nowMs: number,
  rules: HealthRules,
  random: number,
): Health {
  if (health.name !== 'ejected') return health
  const nextProbeMs = Math.min(health.nextProbeMs, nextProbe(health, nowMs, rules, random))
  return { ...health, nextProbeMs }
}

function nextOut(
  health: Health,
  event: HealthEvent,
  nowMs: number,
  rules: HealthRules,
  random: number,
): Health {
  const { name } = health
  if (name === 'ejected') {
    if (event !== 'probeStarted') return health
    return { ...health, name: 'probing', nextProbeMs: Number.POSITIVE_INFINITY }
  }
  if (event === 'failed' || event === 'dialFailed' || event === 'abandoned') {
    return { ...health, name: 'ejected', nextProbeMs: nextProbe(health, nowMs, rules, random) }
  }
  if (name === 'probing' && event === 'opened') return { ...health, name: 'returning' }
  if (name === 'returning' && event === 'returned') {
    return recovered({ ...health, returnedMs: nowMs })
  }
  return health
}

function withFailure(health: Health, nowMs: number, rules: HealthRules): Health {
  const sinceMs = nowMs - health.incidentMs
  if (sinceMs < Math.min(INCIDENT_MS, rules.requestTimeoutMs * INCIDENT_SHARE)) return health
  const windowMs = Math.max(MIN_WINDOW_MS, rules.retryTimeoutMs * 2)
  const failures = sinceMs > windowMs ? 1 : health.failures + 1
  return { ...health, name: 'suspect', failures, incidentMs: nowMs }
}

function withDialFailure(
  health: Health,
  nowMs: number,
  { retryTimeoutMs }: HealthRules,
  random: number,
): Health {
  const dialFailures = health.dialFailures + 1
  const doubledMs = FIRST_BACKOFF_MS * 2 ** Math.min(dialFailures - 1, 20)
  const waitMs = Math.min(doubledMs, Math.max(FIRST_BACKOFF_MS, retryTimeoutMs))
  return { ...health, dialFailures, nextDialMs: nowMs + jittered(waitMs, random) }
}

/**
 * Returns when the next probe is due. The pause grows with the outage: after six minutes it is 36
 * seconds, so that an outage lasts at most a tenth longer.
 */
function nextProbe(health: Health, nowMs: number, rules: HealthRules, random: number): number {
  const longestMs = Math.max(rules.retryTimeoutMs, rules.deadTimeoutMs)
  const shareMs = (nowMs - health.ejectedMs) * PROBE_SHARE
  const waitMs = Math.min(longestMs, Math.max(pauseMs(health, rules), shareMs))
  return nowMs + jittered(waitMs, random)
}

function jittered(waitMs: number, random: number): number {
  return waitMs * (1 + JITTER_SHARE * random)
}
