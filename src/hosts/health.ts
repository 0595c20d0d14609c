/**
 * Where a host is between fine and gone. `up`: it answers. `suspect`: it failed, not often enough.
 * `ejected`: nothing of users' goes there. `probing`: a probe is under way. `returning`: it
 * answered
 * the probe and is told what it missed.
 */
export type HealthName = 'up' | 'suspect' | 'ejected' | 'probing' | 'returning'

/**
 * What can happen to a host. `answered`: a user's reply came. `failed`: a lane broke under requests
 * or stayed silent. `dialFailed`: no lane could be opened. `opened`: one was. `probeStarted`: a
 * dial in the background of an ejected host. `returned`: it was told all that it missed. `slow`: it
 * replies much more slowly than its peers.
 */
export type HealthEvent =
  | 'answered'
  | 'failed'
  | 'dialFailed'
  | 'opened'
  | 'probeStarted'
  | 'returned'
  | 'slow'

/** The settings that decide. */
export interface HealthRules {
  readonly autoEjectHosts: boolean
  readonly serverFailureLimit: number
  readonly retryTimeoutMs: number
  readonly deadTimeoutMs: number
  /** A silent host fails once per request timeout, so its failures come this far apart. */
  readonly requestTimeoutMs: number
}

/**
 * A host's health: plain data, never changed in place. Times are on the caller's monotonic clock.
 */
export interface Health {
  readonly name: HealthName
  /** Incidents in a row. */
  readonly failures: number
  /** When the current incident began: what follows closely belongs to it. */
  readonly incidentMs: number
  /** Dials that failed in a row. */
  readonly dialFailures: number
  /** No dial before this. */
  readonly nextDialMs: number
  /** When it left the ring. */
  readonly ejectedMs: number
  /** When the next probe is due; Infinity when none is. */
  readonly nextProbeMs: number
  /** Ejections so soon after a return that they are one outage: each doubles the pause. */
  readonly relapses: number
  /** When it last returned. */
  readonly returnedMs: number
}

/** Ten lanes that close together are one incident. */
const INCIDENT_MS = 100
/** With short timeouts a silent host fails more often than that. */
const INCIDENT_SHARE = 0.5
/** A host that stays for so long after a return has recovered. */
const CALM_MS = 10_000
/** Failures further apart than this are not in a row. */
const MIN_WINDOW_MS = 10_000
/** The first pause after a dial that failed; it doubles up to retryTimeoutMs. */
const FIRST_BACKOFF_MS = 100
/** Probes of a host that is out for long come after this share of its absence. */
const PROBE_SHARE = 0.1
/** Processes that lost a host together must not probe it together. */
const JITTER_SHARE = 0.1

/** A host without failures. */
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

/** Whether requests may not go there. */
export function isOut(health: Health): boolean {
  return health.name === 'ejected' || health.name === 'probing' || health.name === 'returning'
}

/**
 * What `event` at `nowMs` makes of `health`. `random` is in [0, 1) and spreads the probes of many
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
  if (event !== 'failed' && event !== 'dialFailed') return health
  const failed = withFailure(health, nowMs, rules)
  const next = event === 'dialFailed' ? withDialFailure(failed, nowMs, rules) : failed
  if (!rules.autoEjectHosts || next.failures < rules.serverFailureLimit) return next
  return ejected(next, nowMs, rules, random)
}

function ejected(health: Health, nowMs: number, rules: HealthRules, random: number): Health {
  const isRelapse = nowMs - health.returnedMs < calmMs(health, rules)
  const relapses = isRelapse ? health.relapses + 1 : 0
  const out: Health = { ...health, name: 'ejected', ejectedMs: nowMs, relapses }
  return { ...out, nextProbeMs: nextProbe(out, nowMs, rules, random) }
}

/** Healthy, but for the memory of the last outage. */
function recovered({ relapses, returnedMs }: Health): Health {
  return returnedMs === HEALTHY.returnedMs ? HEALTHY : { ...HEALTHY, relapses, returnedMs }
}

/** How long a host must stay after a return before its next failure is another outage. */
function calmMs(health: Health, rules: HealthRules): number {
  return Math.max(CALM_MS, 2 * pauseMs(health, rules))
}

/** The pause before a probe: doubled by every relapse. */
function pauseMs({ relapses }: Health, { retryTimeoutMs, deadTimeoutMs }: HealthRules): number {
  const longestMs = Math.max(retryTimeoutMs, deadTimeoutMs)
  return Math.min(longestMs, retryTimeoutMs * 2 ** Math.min(relapses, 20))
}

/** Under new rules a probe is due no later than if the last one had failed now. */
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
  if (event === 'failed' || event === 'dialFailed') {
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

function withDialFailure(health: Health, nowMs: number, rules: HealthRules): Health {
  const dialFailures = health.dialFailures + 1
  const waitMs = FIRST_BACKOFF_MS * 2 ** Math.min(dialFailures - 1, 20)
  return {
    ...health,
    dialFailures,
    nextDialMs: nowMs + Math.min(waitMs, Math.max(FIRST_BACKOFF_MS, rules.retryTimeoutMs)),
  }
}

/**
 * A host that is out for a tenth of an hour is asked every 36 seconds: its return costs a tenth
 * more.
 */
function nextProbe(health: Health, nowMs: number, rules: HealthRules, random: number): number {
  const longestMs = Math.max(rules.retryTimeoutMs, rules.deadTimeoutMs)
  const shareMs = (nowMs - health.ejectedMs) * PROBE_SHARE
  const waitMs = Math.min(longestMs, Math.max(pauseMs(health, rules), shareMs))
  return nowMs + waitMs * (1 + JITTER_SHARE * random)
}
