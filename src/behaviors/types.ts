import type { Servers } from '../hosts/address.ts'
import type { compat } from '../ring/compat.ts'
import type { RingOptions } from '../ring/options.ts'
import type { RingServer } from '../ring/server.ts'

/** Writes and reads the values that are neither strings nor bytes. */
export interface Serializer {
  /**
   * The bytes to store, or text to be stored as UTF-8. What it throws rejects with
   * MINTRING_BAD_VALUE.
   */
  serialize(value: unknown): string | Uint8Array | Promise<string | Uint8Array>
  /** The value of what `serialize` made, or a promise of it. */
  deserialize(bytes: Buffer): unknown
}

/** A placement that is handed over: what is left out was as it is now. */
export interface Previous extends RingOptions {
  /** The servers then. */
  readonly servers: Servers
  /** The client that had it, for its placement. */
  readonly preset?: keyof typeof compat | undefined
  /** As some presets have it; it says nothing about where keys were. */
  readonly autoEjectHosts?: boolean | undefined
  /** What its keys began with. */
  readonly keyPrefix?: string | undefined
  /** Whether its ring hashed that too. */
  readonly hashWithPrefixKey?: boolean | undefined
  /** As the client's own: what is copied keeps its flags. */
  readonly valueFlags?: string | undefined
  /** For servers that ask for credentials. */
  readonly username?: string | undefined
  /** The password that belongs to `username`. */
  readonly password?: string | undefined
}

/** Where the server list comes from while running; asked again every `intervalMs` (60 s). */
export type Discovery =
  | {
      /** A configuration endpoint of ElastiCache or Memorystore, `host:port`. */
      readonly endpoint: string
      /** Milliseconds from one answer to the next question; 60,000 by default. */
      readonly intervalMs?: number | undefined
      /** How long one question may take; 5,000 by default, or the interval when that is shorter. */
      readonly timeoutMs?: number | undefined
    }
  | {
      /** A name with A or AAAA records, or SRV records when it begins with an underscore. */
      readonly dns: string
      /** The port of all its addresses; 11211 by default. SRV records tell their own. */
      readonly port?: number | undefined
      /** Milliseconds from one answer to the next question; 60,000 by default. */
      readonly intervalMs?: number | undefined
      /** How long one question may take; 5,000 by default, or the interval when that is shorter. */
      readonly timeoutMs?: number | undefined
    }
  | {
      /** A function of yours. Its signal fires when the time for the question is over. */
      readonly servers: (context: {
        readonly signal: AbortSignal
      }) => Promise<readonly RingServer[]> | readonly RingServer[]
      /** Milliseconds from one answer to the next question; 60,000 by default. */
      readonly intervalMs?: number | undefined
      /** How long one question may take; 5,000 by default, or the interval when that is shorter. */
      readonly timeoutMs?: number | undefined
    }
