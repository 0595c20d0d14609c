/** A row of `hosts()`. */
export interface HostSnapshot {
  readonly name: string
  readonly address: string
  readonly state: 'up' | 'suspect' | 'ejected' | 'probing'
  readonly weight: number
  /** Incidents in a row. */
  readonly failures: number
  /** Unix time in milliseconds of the next probe; undefined when none is due. */
  readonly nextProbeAtMs: number | undefined
  readonly lanes: number
  readonly inFlight: number
  readonly queued: number
}
