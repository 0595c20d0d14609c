/**
 * The size classes memcached 1.6 starts with (factor 1.25, chunks from 96 bytes to 512 KiB). Items
 * here do not live in slabs, but statistics, `me` and the crawler speak of classes.
 * Source: slabs_init() in slabs.c.
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

/** The highest class id; items of several chunks are in it. */
export const LARGEST_CLASS: number = SIZES.length - 1

/** The class of an item of `bytes` bytes. */
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

/** Whether memcached would keep an item of `bytes` bytes in several chunks. */
export function isChunked(bytes: number): boolean {
  return bytes > LARGEST_CHUNK_BYTES
}

/** Chunk size and chunks per 1 MiB page of a class. */
export function chunksOf(classId: number): { readonly bytes: number; readonly perPage: number } {
  const bytes = SIZES[classId]!
  return { bytes, perPage: Math.floor(PAGE_BYTES / bytes) }
}

/** The bytes of a page. */
export const SLAB_PAGE_BYTES: number = PAGE_BYTES
