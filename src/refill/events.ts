/** What a refill reports. No values, and keys only for those who trace them. */
export interface RefillEvent {
  readonly key: string
  /** The server, as `hosts()` names it. */
  readonly host?: string | undefined
  /** How long the loader took. */
  readonly tookMs?: number | undefined
  readonly staleForSeconds?: number | undefined
  readonly reason?: string | undefined
  readonly error?: unknown
}

export type RefillEventName =
  | 'refill'
  | 'refillError'
  | 'leaseLost'
  | 'leaseTakenOver'
  | 'stale'
  | 'bypass'
  | 'valueTooLarge'

/** Who hears of it. Must not throw. */
export interface RefillHooks {
  report(name: RefillEventName, event: RefillEvent): void
}
