import type { RingServer } from '../ring/server.ts'

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
