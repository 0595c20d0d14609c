import type { MintringError } from '../errors.ts'

/** The state of a host, as `hosts()` returns it. */
export interface HostSnapshot {
  /** The server's `name`, else `host:port` or the path of a socket. */
  readonly name: string
  /** The address: `host:port`, or the path of a socket. */
  readonly address: string
  /**
   * `suspect`: the host failed but is still in the ring. `ejected` and `probing`: the host is out
   * of the ring.
   */
  readonly state: 'up' | 'suspect' | 'ejected' | 'probing'
  /** The weight of the server: its share of the keys, relative to the other hosts. */
  readonly weight: number
  /** How many failures (timeouts, broken connections, failed dials) it had since its last reply. */
  readonly failures: number
  /** The last failure; undefined if there was none. */
  readonly lastError: MintringError | undefined
  /** When the next probe is due, in Unix milliseconds; undefined if none is. */
  readonly nextProbeAtMs: number | undefined
  /** The number of open connections. */
  readonly lanes: number
  /** The number of commands that were sent and have no reply yet. */
  readonly inFlight: number
  /** The number of commands that are not sent yet. */
  readonly queued: number
  /**
   * The number of keys whose changes the host missed. It must apply them before its values are
   * used.
   */
  readonly owed: number
  /** The recent average reply time in ms; undefined after too few replies. */
  readonly replyMs: number | undefined
  /** Whether the host has replied much more slowly than its peers for some seconds. */
  readonly isSlow: boolean
}
