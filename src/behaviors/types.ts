import type { Servers } from '../hosts/address.ts'
import type { compat } from '../ring/compat.ts'
import type { RingOptions } from '../ring/options.ts'
import type { RingServer } from '../ring/server.ts'

/** Encodes and decodes values that are neither strings nor bytes. */
export interface Serializer {
  /**
   * Returns the bytes to store, or text to store as UTF-8. If it throws, the operation rejects with
   * MINTRING_BAD_VALUE.
   */
  serialize(value: unknown): string | Uint8Array | Promise<string | Uint8Array>
  /** Returns the value that `serialize` encoded, or a promise of it. */
  deserialize(bytes: Buffer): unknown
}

/**
 * The placement before a change of servers; its values move to the new hosts. A field that is left
 * out has the client's current value.
 */
export interface Previous extends RingOptions {
  /** The previous servers. */
  readonly servers: Servers
  /** The client whose placement was used. */
  readonly preset?: keyof typeof compat | undefined
  /** Ignored: allowed because some presets contain it. */
  readonly autoEjectHosts?: boolean | undefined
  /** The previous key prefix. */
  readonly keyPrefix?: string | undefined
  /** Whether the previous ring hashed the prefix with the key. */
  readonly hashWithPrefixKey?: boolean | undefined
  /** Must equal the client's own `valueFlags`: values keep their flags when they are copied. */
  readonly valueFlags?: string | undefined
  /** User name, if the previous servers require authentication. */
  readonly username?: string | undefined
  /** The password that goes with `username`. */
  readonly password?: string | undefined
}

/**
 * Where the server list comes from while the client runs. The client asks again every `intervalMs`.
 */
export type Discovery =
  | {
      /** A configuration endpoint of ElastiCache or Memorystore, `host:port`. */
      readonly endpoint: string
      /** Milliseconds from one result to the next lookup. Default 60,000. */
      readonly intervalMs?: number | undefined
      /**
       * The timeout of a lookup in milliseconds. Default 5,000, or the interval if that is shorter.
       */
      readonly timeoutMs?: number | undefined
    }
  | {
      /** A name with A or AAAA records; with SRV records if it begins with an underscore. */
      readonly dns: string
      /** The port of all its addresses. Default 11211. SRV records have their own ports. */
      readonly port?: number | undefined
      /** Milliseconds from one result to the next lookup. Default 60,000. */
      readonly intervalMs?: number | undefined
      /**
       * The timeout of a lookup in milliseconds. Default 5,000, or the interval if that is shorter.
       */
      readonly timeoutMs?: number | undefined
    }
  | {
      /** Your function that returns the servers. Its signal fires at the timeout of the lookup. */
      readonly servers: (context: {
        readonly signal: AbortSignal
      }) => Promise<readonly RingServer[]> | readonly RingServer[]
      /** Milliseconds from one result to the next lookup. Default 60,000. */
      readonly intervalMs?: number | undefined
      /**
       * The timeout of a lookup in milliseconds. Default 5,000, or the interval if that is shorter.
       */
      readonly timeoutMs?: number | undefined
    }
