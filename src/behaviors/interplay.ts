import type { Behaviors } from './behaviors.ts'
import { badBehavior } from './check.ts'

/** The names of the behaviors that were given, not left at their default. */
type Given = ReadonlySet<string>

const DEFAULT_ANNOUNCE_SECONDS = 60
/** The default interval of a discovery. */
const DISCOVERY_INTERVAL_MS = 60_000

/** 30 days less one second: memcached reads a longer remaining ttl as a Unix time. */
const MAX_REFILL_WINDOW_SECONDS = 2_591_999

/**
 * Checks settings that depend on each other. Throws if they contradict each other; returns warnings
 * for combinations that work but are probably a mistake.
 *
 * @throws MintringError MINTRING_BAD_BEHAVIOR
 */
export function checkInterplay(behaviors: Behaviors, given: Given): string[] {
  refuseImpossible(behaviors, given)
  return [...timingWarnings(behaviors, given), ...placementWarnings(behaviors)]
}

function refuseImpossible(behaviors: Behaviors, given: Given): void {
  const { connections, retryTimeoutMs, connectTimeoutMs, staleTimeoutMs, loaderTimeoutMs } =
    behaviors
  if (connections.min > connections.max) {
    throw badBehavior(
      `connections.min (${connections.min}) is above connections.max (${connections.max})`,
    )
  }
  const bothGiven = given.has('retryTimeoutMs') && given.has('connectTimeoutMs')
  if (bothGiven && retryTimeoutMs < connectTimeoutMs) {
    throw badBehavior(
      `retryTimeoutMs (${retryTimeoutMs}) is below connectTimeoutMs (${connectTimeoutMs}): ` +
        'the next probe of a host would start while the last one is still connecting',
    )
  }
  if (given.has('retryTimeoutMs') && given.has('deadTimeoutMs')) refuseShortDead(behaviors)
  if (staleTimeoutMs > loaderTimeoutMs) {
    throw badBehavior(
      `staleTimeoutMs (${staleTimeoutMs}) is above loaderTimeoutMs (${loaderTimeoutMs})`,
    )
  }
  const { staleWhileRevalidate, staleIfError, earlyRefresh } = behaviors
  const stale = Math.max(staleWhileRevalidate, staleIfError ?? 0)
  if (stale + (earlyRefresh === 'auto' ? 0 : earlyRefresh) > MAX_REFILL_WINDOW_SECONDS) {
    throw badBehavior(
      'staleWhileRevalidate or staleIfError, plus earlyRefresh, must not exceed 30 days',
    )
  }
  refuseShortHandover(handoverSecondsOf(behaviors), announceSecondsOf(behaviors))
  if ((behaviors.username === undefined) !== (behaviors.password === undefined)) {
    throw badBehavior('set both username and password: one of them is missing')
  }
}

/** Returns how long processes may disagree on the server list, in seconds. */
export function announceSecondsOf({ announce, discovery }: Behaviors): number {
  if (announce !== undefined) return announce
  const intervalMs = discovery === undefined ? 0 : (discovery.intervalMs ?? DISCOVERY_INTERVAL_MS)
  return Math.max(DEFAULT_ANNOUNCE_SECONDS, Math.ceil((2 * intervalMs) / 1000))
}

/**
 * Returns how long values may move, in seconds. With a long discovery interval this is longer than
 * `handover`.
 */
export function handoverSecondsOf(behaviors: Behaviors): number {
  const { handover, announce } = behaviors
  const announceSeconds = announceSecondsOf(behaviors)
  const isOfDiscovery = announce === undefined && announceSeconds > DEFAULT_ANNOUNCE_SECONDS
  return handover !== 0 && isOfDiscovery ? Math.max(handover, announceSeconds) : handover
}

/**
 * Rejects a handover that is shorter than its announcement. Otherwise some processes would drop the
 * previous servers while others still read from them.
 *
 * @throws MintringError MINTRING_BAD_BEHAVIOR
 */
export function refuseShortHandover(handover: number, announce: number): void {
  if (handover === 0 || handover >= announce) return
  throw badBehavior(
    `handover (${handover} s) is shorter than announce (${announce} s), so make it longer: ` +
      'some processes would drop the previous servers while others still read from them',
  )
}

function refuseShortDead({ retryTimeoutMs, deadTimeoutMs }: Behaviors): void {
  if (deadTimeoutMs >= retryTimeoutMs) return
  throw badBehavior(
    `deadTimeoutMs (${deadTimeoutMs}) is below retryTimeoutMs (${retryTimeoutMs}): ` +
      'the pause between probes starts at retryTimeoutMs and grows to deadTimeoutMs',
  )
}

function timingWarnings(behaviors: Behaviors, given: Given): string[] {
  const warnings: string[] = []
  const { retryTimeoutMs, connectTimeoutMs, requestTimeoutMs, autoEjectHosts } = behaviors
  if (retryTimeoutMs < connectTimeoutMs) {
    warnings.push(
      `retryTimeoutMs (${retryTimeoutMs}) is below connectTimeoutMs (${connectTimeoutMs}): ` +
        'connecting to a host that does not reply takes longer than the pause between probes',
    )
  }
  if (given.has('connectTimeoutMs') && connectTimeoutMs > requestTimeoutMs) {
    warnings.push(
      `connectTimeoutMs (${connectTimeoutMs}) is above requestTimeoutMs (${requestTimeoutMs}), ` +
        'which includes connecting and so ends an attempt first',
    )
  }
  if (!autoEjectHosts && (given.has('serverFailureLimit') || given.has('deadTimeoutMs'))) {
    warnings.push(
      'serverFailureLimit and deadTimeoutMs have no effect while autoEjectHosts is false',
    )
  }
  return warnings
}

function placementWarnings(behaviors: Behaviors): string[] {
  const warnings: string[] = []
  if (behaviors.hashWithPrefixKey && behaviors.keyPrefix === '') {
    warnings.push('hashWithPrefixKey has no effect without a keyPrefix')
  }
  return warnings
}
