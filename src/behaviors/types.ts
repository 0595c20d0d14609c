import type { RingServer } from '../ring/server.ts'

/** How many connections a host gets. */
export interface ConnectionBounds {
  readonly min: number
  readonly max: number
  /** After how long without use a connection beyond `min` is closed; 0 never closes one. */
  readonly idleMs: number
}

/** Stand-by hosts for the keys of ejected ones. What they hold lives `ttl` seconds at most. */
export interface Gutter {
  readonly gutter: string | readonly RingServer[]
  readonly ttl: number
}

/** Writes and reads the values that are neither strings nor bytes. */
export interface Serializer {
  serialize(value: unknown): string | Uint8Array | Promise<string | Uint8Array>
  deserialize(bytes: Buffer): unknown
}

/** Where the server list comes from while running; asked again every `intervalMs` (60 s). */
export type Discovery =
  /** A configuration endpoint of ElastiCache or Memorystore, `host:port`. */
  | { readonly endpoint: string; readonly intervalMs?: number | undefined }
  /** A name with A or AAAA records, or SRV records when it begins with an underscore. */
  | {
      readonly dns: string
      readonly port?: number | undefined
      readonly intervalMs?: number | undefined
    }
  /** A function of yours. */
  | {
      readonly servers: () => Promise<readonly RingServer[]> | readonly RingServer[]
      readonly intervalMs?: number | undefined
    }

/** Whole seconds written with a unit: `'30s'`, `'5m'`, `'2h'`, `'1d'`. */
export type Duration = `${number}${'s' | 'm' | 'h' | 'd'}`
