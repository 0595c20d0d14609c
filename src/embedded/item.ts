import { itemBytes } from '../protocol/command.ts'
import { classOf } from './slab-classes.ts'

/** A cached item, linked into the LRU order of its store. */
export class EmbeddedItem {
  /** The key, one character per byte. */
  readonly key: string
  readonly flags: number
  /** The second at which the item expires (see ServerTime); 0 means never. */
  exptime: number
  value: Buffer
  /** The size of the item in bytes, which counts towards the memory limit. */
  readonly bytes: number
  readonly classId: number
  cas = 0n
  /** The second in which the item was last accessed. */
  time = 0
  fetched = false
  /** Whether `md I` marked the item stale: reads have the flag X until it is stored again. */
  stale = false
  /** Whether a client got the flag W and may be refilling it. */
  tokenSent = false
  /** Whether a base64 key stored this item: metadata replies then encode its key as base64. */
  binaryKey = false
  /**
   * The value of `Store.turn` when a reply last included this item. Until those replies are sent,
   * memcached does not change the item in place.
   */
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
