/**
 * What a refill writes into the client flags beside the codec's own bits, which are the low eight.
 * The body stays as it was encoded, so every verb of every client reads it. See docs/values.md.
 */
export const Stamp = {
  /** A refill stored the item: its life is the ttl and the stale windows. Without it: plain set. */
  Refill: 1 << 8,
  /**
   * Without the bits above NoEarly: not checked against invalidations yet, reads as a miss. With
   * any of them: the body ends in the versions of its tags.
   */
  Unconfirmed: 1 << 9,
  /** Invalidated, on servers without meta commands. */
  Marked: 1 << 10,
  /** Too short-lived for an early refresh. */
  NoEarly: 1 << 11,
  /** The time at which it becomes stale counts in units of 256 s instead of 1 s. */
  Coarse: 1 << 12,
} as const

/**
 * What marks a body that ends in the versions of its tags. Bit 12 stands in for a clock, which
 * stores by meta commands have not: a mintring that knows no tags reads the item as a miss.
 */
export const TAGGED: number = Stamp.Unconfirmed | Stamp.Coarse

/** The bits of the codec. */
export const CODEC_FLAGS = 0xff

/** Every value of mintring's own codec has this bit: an empty item without it is a placeholder. */
const WRITTEN = 1

const CLOCK_SHIFT = 13
/** Bit 12 and the clock: never in an item that is still to be checked. */
const TAGGED_SHIFT = 12
/** The clock has 19 bits: times compare correctly within half of that before and after now. */
const CLOCK_UNITS = 2 ** 19
const HALF_UNITS = CLOCK_UNITS / 2
const COARSE_SECONDS = 256
/** Never 0 on the wire: 0 says that the item has no clock. */
const CLOCK_STEPS = CLOCK_UNITS - 1

/**
 * The bits that say when a value becomes stale: for servers that do not tell how long an item has
 * left. Seconds for lives under three days, else units of 256 s; a time more than two years away
 * counts as two years.
 */
export function clockBits(staleAtUnixSeconds: number, nowUnixSeconds: number, lifeSeconds: number) {
  const isCoarse = lifeSeconds >= HALF_UNITS - 1
  const unit = isCoarse ? COARSE_SECONDS : 1
  const latest = nowUnixSeconds + (HALF_UNITS - 2) * unit
  const at = Math.floor(Math.min(staleAtUnixSeconds, latest) / unit)
  const bits = ((at % CLOCK_STEPS) + 1) * 2 ** CLOCK_SHIFT
  return bits + (isCoarse ? Stamp.Coarse : 0)
}

/** Whether a client that speaks classic commands stored the item as a refill. */
export function hasClock(flags: number): boolean {
  return flags >>> CLOCK_SHIFT !== 0
}

/** Seconds until the value becomes stale, below 0 if it is; undefined without a clock. */
export function freshForSeconds(flags: number, nowUnixSeconds: number): number | undefined {
  if (!hasClock(flags)) return undefined
  const bits = flags >>> CLOCK_SHIFT
  const unit = (flags & Stamp.Coarse) === 0 ? 1 : COARSE_SECONDS
  const now = Math.floor(nowUnixSeconds / unit)
  const ahead = (bits - 1 - (now % CLOCK_STEPS) + CLOCK_STEPS) % CLOCK_STEPS
  const units = ahead < HALF_UNITS ? ahead : ahead - CLOCK_STEPS
  return unit === 1 ? units : (now + units) * unit - nowUnixSeconds
}

/** An empty item that stands for a value which is being loaded. */
export function isPlaceholder({ size, flags }: { readonly size: number; readonly flags: number }) {
  return size === 0 && (flags & WRITTEN) === 0
}

/** Whether the item is a value that others may be served: not one that is still to be checked. */
export function isConfirmed(flags: number): boolean {
  return (flags & Stamp.Unconfirmed) === 0 || flags >>> TAGGED_SHIFT !== 0
}

/** Whether the body ends in the versions of its tags. */
export function isTagged(flags: number): boolean {
  return (flags & Stamp.Unconfirmed) !== 0 && flags >>> TAGGED_SHIFT !== 0
}
