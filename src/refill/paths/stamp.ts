/**
 * The bits that a refill adds to the client flags; the low eight bits belong to the codec. The body
 * stays as it was encoded, so every verb of every client can read it. See docs/values.md.
 */
export const Stamp = {
  /**
   * A refill stored the item: its lifetime is the ttl plus the stale windows. Otherwise: a plain
   * set.
   */
  Refill: 1 << 8,
  /**
   * The value was not yet checked against invalidations, and counts as a miss. But if any bit above
   * NoEarly is set too, it is a value whose body ends in the versions of its tags.
   */
  Unconfirmed: 1 << 9,
  /** Marks an invalidated value, on servers without meta commands. */
  Marked: 1 << 10,
  /** The item's lifetime is too short for an early refresh. */
  NoEarly: 1 << 11,
  /** The bits that say when the value becomes stale count units of 256 s instead of 1 s. */
  Coarse: 1 << 12,
} as const

/**
 * Marks a body that ends in the versions of its tags. Bit 12 replaces a clock, which stores by meta
 * commands do not have; so an older mintring without tags reads the item as a miss.
 */
export const TAGGED: number = Stamp.Unconfirmed | Stamp.Coarse

/** Marks a value that other programs may read too: bit 12 without a clock, and not tagged. */
export const READ_BY_OTHERS: number = Stamp.Coarse

/** The bits of the codec. */
export const CODEC_FLAGS = 0xff

const CLOCK_SHIFT = 13
/** Bit 12 and the clock, which an unconfirmed item never has. */
const TAGGED_SHIFT = 12
/** The clock has 19 bits, so times compare correctly within half of that range around now. */
const CLOCK_UNITS = 2 ** 19
const HALF_UNITS = CLOCK_UNITS / 2
const COARSE_SECONDS = 256
/** The clock is never 0: 0 means that the item has no clock. */
const CLOCK_STEPS = CLOCK_UNITS - 1

/**
 * Returns the clock bits, which say when a value becomes stale, for servers that do not report
 * remaining lifetimes. In seconds for lifetimes under three days, else in units of 256 s; a time
 * more than two years ahead counts as two years.
 */
export function clockBits(staleAtUnixSeconds: number, nowUnixSeconds: number, lifeSeconds: number) {
  const isCoarse = lifeSeconds >= HALF_UNITS - 1
  const unit = isCoarse ? COARSE_SECONDS : 1
  const latest = nowUnixSeconds + (HALF_UNITS - 2) * unit
  const at = Math.floor(Math.min(staleAtUnixSeconds, latest) / unit)
  const bits = ((at % CLOCK_STEPS) + 1) * 2 ** CLOCK_SHIFT
  return bits + (isCoarse ? Stamp.Coarse : 0)
}

/** Whether a client with classic commands stored the item as a refill. */
export function hasClock(flags: number): boolean {
  return flags >>> CLOCK_SHIFT !== 0
}

/**
 * Returns the seconds until the value becomes stale, negative if it is; undefined without a clock.
 */
export function freshForSeconds(flags: number, nowUnixSeconds: number): number | undefined {
  if (!hasClock(flags)) return undefined
  const bits = flags >>> CLOCK_SHIFT
  const unit = (flags & Stamp.Coarse) === 0 ? 1 : COARSE_SECONDS
  const now = Math.floor(nowUnixSeconds / unit)
  const ahead = (bits - 1 - (now % CLOCK_STEPS) + CLOCK_STEPS) % CLOCK_STEPS
  const units = ahead < HALF_UNITS ? ahead : ahead - CLOCK_STEPS
  return unit === 1 ? units : (now + units) * unit - nowUnixSeconds
}

/**
 * Whether an item is an empty placeholder for a value that is being loaded. Codecs set a flag with
 * each empty value that they write.
 */
export function isPlaceholder({ size, flags }: { readonly size: number; readonly flags: number }) {
  return size === 0 && (flags & CODEC_FLAGS) === 0
}

/** Whether only refills read the value: they know how long it may be stale. */
export function isForRefillsOnly(flags: number): boolean {
  return (flags & Stamp.Refill) !== 0 && ((flags & READ_BY_OTHERS) === 0 || isTagged(flags))
}

/**
 * Whether clients may get the value. It is unconfirmed between its store and the check that no
 * invalidation came before.
 */
export function isConfirmed(flags: number): boolean {
  return (flags & Stamp.Unconfirmed) === 0 || flags >>> TAGGED_SHIFT !== 0
}

/** Whether the body ends in the versions of its tags. */
export function isTagged(flags: number): boolean {
  return (flags & Stamp.Unconfirmed) !== 0 && flags >>> TAGGED_SHIFT !== 0
}
