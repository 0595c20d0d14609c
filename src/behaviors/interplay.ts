import type { Behaviors } from './behaviors.ts'
import { badBehavior } from './check.ts'

/** Behaviors that were given, as opposed to left at their default. */
type Given = ReadonlySet<string>

const DEFAULT_ANNOUNCE_SECONDS = 60
/** What a discovery without an interval has. */
const DISCOVERY_INTERVAL_MS = 60_000

/** 30 days less one second: the largest refill window memcached can be asked about. */
const MAX_REFILL_WINDOW_SECONDS = 2_591_999

/**
 * What is wrong, or merely odd, about settings together. What cannot hold throws; what works but
 * is hardly meant is answered as a warning.
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
        'a host would be probed again while the last probe is still dialling',
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
      'staleWhileRevalidate or staleIfError and earlyRefresh exceed 30 days together',
    )
  }
  refuseShortHandover(handoverSecondsOf(behaviors), announceSecondsOf(behaviors))
  if ((behaviors.username === undefined) !== (behaviors.password === undefined)) {
    throw badBehavior('username and password go together: one is set and the other is not')
  }
}

/** How long processes may differ on the servers, in seconds. */
export function announceSecondsOf({ announce, discovery }: Behaviors): number {
  if (announce !== undefined) return announce
  const intervalMs = discovery === undefined ? 0 : (discovery.intervalMs ?? DISCOVERY_INTERVAL_MS)
  return Math.max(DEFAULT_ANNOUNCE_SECONDS, Math.ceil((2 * intervalMs) / 1000))
}

/** How long values may move, in seconds: where processes poll rarely, longer than `handover`. */
export function handoverSecondsOf(behaviors: Behaviors): number {
  const { handover, announce } = behaviors
  const announceSeconds = announceSecondsOf(behaviors)
  const isOfDiscovery = announce === undefined && announceSeconds > DEFAULT_ANNOUNCE_SECONDS
  return handover !== 0 && isOfDiscovery ? Math.max(handover, announceSeconds) : handover
}

/**
 * Who has forgotten the previous placement must not meet who still announces the next.
 *
 * @throws MintringError MINTRING_BAD_BEHAVIOR
 */
export function refuseShortHandover(handover: number, announce: number): void {
  if (handover === 0 || handover >= announce) return
  throw badBehavior(
    `handover (${handover} s) is shorter than announce (${announce} s): processes that have ` +
      'forgotten the previous servers would meet others that still read there',
  )
}

function refuseShortDead({ retryTimeoutMs, deadTimeoutMs }: Behaviors): void {
  if (deadTimeoutMs >= retryTimeoutMs) return
  throw badBehavior(
    `deadTimeoutMs (${deadTimeoutMs}) is below retryTimeoutMs (${retryTimeoutMs}): ` +
      'it is the longest pause between probes, retryTimeoutMs the first',
  )
}

function timingWarnings(behaviors: Behaviors, given: Given): string[] {
  const warnings: string[] = []
  const { retryTimeoutMs, connectTimeoutMs, requestTimeoutMs, autoEjectHosts } = behaviors
  if (retryTimeoutMs < connectTimeoutMs) {
    warnings.push(
      `retryTimeoutMs (${retryTimeoutMs}) is below connectTimeoutMs (${connectTimeoutMs}): ` +
        'probes of a host that does not answer take longer than the pause between them',
    )
  }
  if (given.has('connectTimeoutMs') && connectTimeoutMs > requestTimeoutMs) {
    warnings.push(
      `connectTimeoutMs (${connectTimeoutMs}) is above requestTimeoutMs (${requestTimeoutMs}), ` +
        'which ends an attempt first, dialling included',
    )
  }
  if (!autoEjectHosts && (given.has('serverFailureLimit') || given.has('deadTimeoutMs'))) {
    warnings.push('serverFailureLimit and deadTimeoutMs do nothing while autoEjectHosts is false')
  }
  return warnings
}

function placementWarnings(behaviors: Behaviors): string[] {
  const warnings: string[] = []
  if (behaviors.hashWithPrefixKey && behaviors.keyPrefix === '') {
    warnings.push('hashWithPrefixKey does nothing without a keyPrefix')
  }
  return warnings
}
