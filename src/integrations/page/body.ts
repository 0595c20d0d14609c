import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { Body, Codec, Encoded } from '../../client/values/codec.ts'
import { looksGzipped, takesExtra, withExtra, withoutExtra } from './gzip-extra.ts'
import type { HeaderLines } from './rules.ts'

/** Metadata stored with a page; nginx ignores it. */
export interface PageHead {
  /** When the page was stored, in ms since the epoch. */
  readonly storedAtMs: number
  /** The age of the page when it was stored, in seconds (RFC 9111, 4.2.3). */
  readonly ageSeconds: number
  /** The headers that a hit sends again. */
  readonly headers: HeaderLines
  /** Whether the application forbade transformations, so that the page is sent without gzip. */
  readonly isPlainOnly: boolean
}

/** A page in its stored form: the bytes that nginx sends, gzipped or plain. */
export interface Page {
  readonly body: Buffer
  readonly isGzip: boolean
  /** The metadata; undefined for a page stored as its bytes only. */
  readonly head?: PageHead | undefined
  /** The tags that the application's response listed. They are stored with the page. */
  readonly tags?: readonly string[] | undefined
}

/** Stands for an item that is not a page: the cache neither serves nor replaces it. */
export const FOREIGN: Page = { body: Buffer.alloc(0), isGzip: false }

/** Bodies up to this size gain little from gzip. */
const GZIP_ABOVE_BYTES = 1024
const MAX_UNZIPPED_BYTES = 64 * 1024 * 1024

/**
 * Client flags of a page (docs/values.md): bytes written by mintring, plus two bits that no value
 * has together. The check matters because visitors choose the key, by Host and path, and must not
 * read other items.
 */
const PLAIN = 5 | 32 | 64
/** The bit nginx tests with `memcached_gzip_flag 2`. */
const GZIP = 2
/** The bits of the flags that identify a page, without the gzip bit. */
const KIND = 0xff & ~GZIP

const zip = promisify(gzip)
const unzip = promisify(gunzip)

/** Encodes pages without any framing, so that nginx can read them. */
export const pageCodec: Codec = {
  encode(value): Encoded {
    const { body, isGzip, head } = value as Page
    if (!isGzip) return { body, flags: PLAIN }
    const bytes = head === undefined ? body : withExtra(body, Buffer.from(JSON.stringify(head)))
    return { body: bytes, flags: PLAIN | GZIP }
  },
  decode(flags: number, stored: Body): Page | undefined {
    if (stored.size === 0) return undefined
    if ((flags & KIND) !== PLAIN) return FOREIGN
    const bytes = stored.valueBuffer()
    if ((flags & GZIP) === 0) return { body: bytes, isGzip: false }
    const { gzip: body, extra } = withoutExtra(bytes)
    return { body, isGzip: true, head: extra && (JSON.parse(extra.toString()) as PageHead) }
  },
}

/**
 * Returns a rendered body in its stored form: gzipped with its metadata, or plain if it is short
 * and has none. Returns undefined for a body that contradicts its Content-Encoding.
 */
export async function pageOf(
  body: Buffer,
  isGzip: boolean,
  head: PageHead,
): Promise<Page | undefined> {
  const plain = isGzip ? await unzipped(body) : body
  if (plain === undefined || looksGzipped(plain)) return undefined
  if (isGzip && takesExtra(body)) return { body, isGzip, head }
  const isBare = head.headers.length === 0 && head.ageSeconds === 0
  if (isBare && plain.length <= GZIP_ABOVE_BYTES) return { body: plain, isGzip: false }
  return { body: await zip(plain), isGzip: true, head }
}

/** Returns the body for clients that do not accept gzip. */
export async function plainBody({ body, isGzip }: Page): Promise<Buffer> {
  return isGzip ? unzip(body, { maxOutputLength: MAX_UNZIPPED_BYTES }) : body
}

function unzipped(body: Buffer): Promise<Buffer | undefined> {
  return unzip(body, { maxOutputLength: MAX_UNZIPPED_BYTES }).catch(() => undefined)
}
