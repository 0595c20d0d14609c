import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { Body, Codec, Encoded } from '../../client/values/codec.ts'
import { looksGzipped, takesExtra, withExtra, withoutExtra } from './gzip-extra.ts'
import type { HeaderLines } from './rules.ts'

/** What a page has beside its bytes. nginx does not see it. */
export interface PageHead {
  /** When it was stored, in ms since the epoch. */
  readonly storedAtMs: number
  /** How old it was then, in seconds (RFC 9111, 4.2.3). */
  readonly ageSeconds: number
  /** What a hit repeats. */
  readonly headers: HeaderLines
  /** The application forbade to change the coding: it is sent unzipped. */
  readonly isPlainOnly: boolean
}

/** A page as it is stored: the bytes nginx sends, gzipped or plain. */
export interface Page {
  readonly body: Buffer
  readonly isGzip: boolean
  /** Undefined for a page that is nothing but its bytes. */
  readonly head?: PageHead | undefined
}

/** What an item is that is no page: it is left to who stored it, neither served nor replaced. */
export const FOREIGN: Page = { body: Buffer.alloc(0), isGzip: false }

/** Below this a gzipped page is hardly smaller. */
const GZIP_ABOVE_BYTES = 1024
const MAX_UNZIPPED_BYTES = 64 * 1024 * 1024

/**
 * Bytes written by mintring, in the client flags of docs/values.md, with the two bits that no value
 * has together: visitors name pages by Host and path, and must not read what else is stored there.
 */
const PLAIN = 5 | 32 | 64
/** The bit nginx tests with `memcached_gzip_flag 2`. */
const GZIP = 2
/** All that says what an item is, but for its coding. */
const KIND = 0xff & ~GZIP

const zip = promisify(gzip)
const unzip = promisify(gunzip)

/** Pages without any framing, so that nginx can read them. */
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
 * A rendered body as it is to be stored: gzipped, with its head, but for a short one that has no
 * more to say than its bytes. Undefined for a body that is not what its Content-Encoding says.
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

/** The page for clients that take no gzip. */
export async function plainBody({ body, isGzip }: Page): Promise<Buffer> {
  return isGzip ? unzip(body, { maxOutputLength: MAX_UNZIPPED_BYTES }) : body
}

function unzipped(body: Buffer): Promise<Buffer | undefined> {
  return unzip(body, { maxOutputLength: MAX_UNZIPPED_BYTES }).catch(() => undefined)
}
