/**
 * The size classes of memcached 1.6 with default settings (factor 1.25, chunks from 96 bytes to 512
 * KiB). This server does not store items in slabs, but statistics, `me` and the crawler report
 * classes. Source: slabs_init() in slabs.c.
 */
const LARGEST_CHUNK_BYTES = 512 * 1024
const GROWTH_FACTOR = 1.25
const SMALLEST_CHUNK_BYTES = 96
const PAGE_BYTES = 1024 * 1024

function chunkSizes(): number[] {
  // Class ids start at 1.
  const sizes = [0]
  let size = SMALLEST_CHUNK_BYTES
  while (size < LARGEST_CHUNK_BYTES / GROWTH_FACTOR) {
    size = Math.ceil(size / 8) * 8
    sizes.push(size)
    size = Math.floor(size * GROWTH_FACTOR)
  }
  sizes.push(LARGEST_CHUNK_BYTES)
  return sizes
}

const SIZES: readonly number[] = chunkSizes()

/** The highest class id. Items that need several chunks are in this class. */
export const LARGEST_CLASS: number = SIZES.length - 1

/** Returns the class of an item of `bytes` bytes. */
export function classOf(bytes: number): number {
  let low = 1
  let high = LARGEST_CLASS
  while (low < high) {
    const middle = (low + high) >> 1
    if (SIZES[middle]! < bytes) low = middle + 1
    else high = middle
  }
  return low
}

/** Returns whether memcached would store an item of `bytes` bytes in several chunks. */
export function isChunked(bytes: number): boolean {
  return bytes > LARGEST_CHUNK_BYTES
}

/** Returns the chunk size of a class, and how many chunks a page of 1 MiB has. */
export function chunksOf(classId: number): { readonly bytes: number; readonly perPage: number } {
  const bytes = SIZES[classId]!
  return { bytes, perPage: Math.floor(PAGE_BYTES / bytes) }
}

/** The size of a page in bytes. */
export const SLAB_PAGE_BYTES: number = PAGE_BYTES
