import type { MintringError } from '../errors.ts'
import type { Request } from '../net/request.ts'
import type { KeyEffect } from '../ring/transition.ts'
import { errorOf } from './next-step.ts'
import { keysToTell } from './tell.ts'

/** Takes over the requests for keys that a change of servers concerns. */
export interface KeyGate {
  /** Takes over a request for a moving key. Returns false if the change does not concern it. */
  take(request: Request): boolean
  /** Whether requests of the key must come here one by one. */
  isMoving(routeKey: string): boolean
}

/** Has a gate take over a failed request that was sent before the change was known. */
export function takeBack(gate: KeyGate, request: Request, error: MintringError): boolean {
  const { binding, group } = request
  if (binding !== 'key') return false
  if (group === undefined) return gate.take(request)
  const isMoving = keysToTell(request).some(([routeKey]) => gate.isMoving(routeKey))
  if (isMoving) group.regroup(undefined, error)
  return isMoving
}

/** Returns how a command affects its key, for the handover's plan. */
export function keyEffectOf({ verb }: Request): KeyEffect {
  if (verb.effect === 'remove') return 'remove'
  if (verb.isWhole !== true) return 'alter'
  return verb.effect === 'read' ? 'read' : 'store'
}

/** Whether a request only reads its key. */
export function isReadOf(request: Request): boolean {
  return keyEffectOf(request) === 'read' || request.verb.isOneHome === true
}

/** Resolves a read to a miss if it has one, and rejects other requests. */
export function refuseKey(request: Request, error: MintringError): void {
  const { verb } = request
  if (isReadOf(request) && verb.miss !== undefined) verb.miss(request)
  else request.reject(errorOf(request, error))
}
