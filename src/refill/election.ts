import type { Clock } from './clock.ts'
import { type Finding, isSameLease } from './finding.ts'
import type { Elected } from './paths/path.ts'
import { ELECTION_PAUSE_MS } from './paths/path.ts'
import { anew } from './share.ts'
import type { Sight, Slot } from './slots.ts'

/** Called for each lease that was taken over from a dead holder. */
export interface ElectionOwner {
  readonly clock: Clock
  tookOver(slot: Slot, finding: Finding): void
}

/**
 * Whether this process is trying for the lease now, or knows for a while that it cannot win it.
 * `until` names the time that counts: `untilMs` for callers that only want the value replaced,
 * `waitingUntilMs` for callers that wait.
 */
export function isSettled(
  { sight }: Slot,
  { lease, isToMark = false }: Finding,
  nowMs: number,
  until: 'untilMs' | 'waitingUntilMs',
): boolean {
  // Compare `on` as well: a hard invalidation of a tag makes the value count as absent, and the CAS
  // id stays the same.
  if (sight === undefined || sight.isToMark !== isToMark || sight.lease.on !== lease.on)
    return false
  return isSameLease(sight.lease, lease) && nowMs < sight[until]
}

/** Tries for the lease of a read result (`finding`), once for all callers of this process. */
export async function electOnce(
  slot: Slot,
  finding: Finding,
  elect: () => Promise<Elected>,
  owner: ElectionOwner,
): Promise<Finding> {
  const { clock } = owner
  if (isSettled(slot, finding, clock.nowMs(), 'waitingUntilMs')) {
    const { elected } = slot.sight as Sight
    return forAnother(finding, (await elected).finding, clock)
  }
  const { lease, isToMark = false } = finding
  const elected = elect()
  const never = Number.POSITIVE_INFINITY
  const sight: Sight = { lease, isToMark, elected, untilMs: never, waitingUntilMs: never }
  slot.sight = sight
  try {
    const { finding: now, goodForMs, isTakeover } = await elected
    const nowMs = clock.nowMs()
    sight.untilMs = nowMs + goodForMs
    const isOver = now.trouble === 'failing'
    if (isOver) slot.failed = lease
    sight.waitingUntilMs = nowMs + (isOver ? goodForMs : Math.min(goodForMs, ELECTION_PAUSE_MS))
    if (isTakeover === true) owner.tookOver(slot, now)
    return now
  } catch (error) {
    sight.untilMs = sight.waitingUntilMs = 0
    throw error
  }
}

/**
 * Returns what another caller's attempt for the lease found, for a caller that shares it. It keeps
 * its own value, unless only the attempt found one.
 */
function forAnother(finding: Finding, elected: Finding, clock: Clock): Finding {
  if (finding.verdict === 'absent' && elected.verdict !== 'absent') return anew(elected, clock)
  const { election, lease, trouble } = elected
  return { ...finding, election, lease, trouble, isToMark: false }
}
