import { itemBytes } from '../protocol/command.ts'
import { classOf } from './slab-classes.ts'

/** One cached item, linked into the LRU order of its store. */
export class EmbeddedItem {
  /** One character per byte. */
  readonly key: string
  readonly flags: number
  /** The second it expires at (see ServerTime); 0 never. */
  exptime: number
  value: Buffer
  /** What it weighs against the memory limit. */
  readonly bytes: number
  readonly classId: number
  cas = 0n
  /** The second of its last access. */
  time = 0
  fetched = false
  /** Marked by `md I`: served with X until it is stored again. */
  stale = false
  /** A client got the W flag and may be refilling it. */
  tokenSent = false
  /** Stored under a base64 key: metadata replies encode the key again. */
  binaryKey = false
  /** The turn whose replies still refer to it: memcached does not change such an item in place. */
  heldInTurn = -1
  newer: EmbeddedItem | undefined = undefined
  older: EmbeddedItem | undefined = undefined

  constructor(key: string, flags: number, exptime: number, value: Buffer, hasCas: boolean) {
    this.key = key
    this.flags = flags
    this.exptime = exptime
    this.value = value
    this.bytes = itemBytes(key.length, flags, value.length, hasCas)
    this.classId = classOf(this.bytes)
  }
}
