import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { Body, Codec, Encoded } from '../../client/values/codec.ts'
import { MintringError } from '../../errors.ts'

/** A page as it is stored: the bytes nginx sends, gzipped or plain. */
export interface Page {
  readonly body: Buffer
  readonly isGzip: boolean
}

/** Below this a gzipped page is hardly smaller. */
const GZIP_ABOVE_BYTES = 1024
const MAX_UNZIPPED_BYTES = 64 * 1024 * 1024

/** Bytes written by mintring, in the client flags of docs/values.md. */
const PLAIN = 5
/** The bit nginx tests with `memcached_gzip_flag 2`. */
const GZIP = 2
/** brotli, zstd, chunks, envelopes: bodies that nginx would send as they are. */
const FOREIGN = 32 | 64 | 128 | 256

const zip = promisify(gzip)
const unzip = promisify(gunzip)

/** Pages without any framing, so that nginx can read them. */
export const pageCodec: Codec = {
  encode(value): Encoded {
    const { body, isGzip } = value as Page
    return { body, flags: isGzip ? PLAIN | GZIP : PLAIN }
  },
  decode(flags: number, stored: Body): Page | undefined {
    if ((flags & FOREIGN) !== 0) {
      throw new MintringError('MINTRING_BAD_VALUE', 'What is stored there is no page')
    }
    if (stored.size === 0) return undefined
    return { body: stored.valueBuffer(), isGzip: (flags & GZIP) !== 0 }
  },
}

/** A rendered body as it is to be stored: what is long, and shorter when gzipped, is gzipped. */
export async function pageOf(body: Buffer, isGzip: boolean): Promise<Page> {
  if (isGzip || body.length <= GZIP_ABOVE_BYTES) return { body, isGzip }
  const zipped = await zip(body)
  return zipped.length < body.length ? { body: zipped, isGzip: true } : { body, isGzip: false }
}

/** The page for clients that take no gzip. */
export async function plainBody({ body, isGzip }: Page): Promise<Buffer> {
  return isGzip ? unzip(body, { maxOutputLength: MAX_UNZIPPED_BYTES }) : body
}
