import { promisify } from 'node:util'
import type zlib from 'node:zlib'
import { isMintringError, MintringError, systemCodeOf } from '../../errors.ts'
import { builtin } from '../../runtime.ts'
import { badValue } from './json.ts'

/** The compression algorithms. zstd needs Node 22.15 or 23.8. */
export type Compression = 'gzip' | 'brotli' | 'zstd'

type Zlib = typeof zlib
type Newer = Partial<Record<'zstdCompress' | 'zstdDecompress', Zlib['gunzip']>>
type Squeeze = (bytes: Uint8Array) => Promise<Buffer>
type Inflate = (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>

interface Algorithm {
  readonly squeeze: Squeeze
  readonly inflate: Inflate
}

let known: ReadonlyMap<Compression | 'zlib', Algorithm> | undefined

/** Loads zlib when the first value needs it. */
function algorithms(): ReadonlyMap<Compression | 'zlib', Algorithm> {
  known ??= algorithmsOf(builtin('node:zlib'))
  return known
}

function algorithmsOf(zlib: Zlib): ReadonlyMap<Compression | 'zlib', Algorithm> {
  // Quality 5, because the default of 11 is a hundred times slower.
  const brotliOptions = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } }
  const brotli: Algorithm = {
    squeeze: (bytes) => promisify(zlib.brotliCompress)(bytes, brotliOptions),
    inflate: promisify(zlib.brotliDecompress) as Inflate,
  }
  const found = new Map([
    ['gzip', algorithm(zlib.gzip, zlib.gunzip)],
    ['zlib', algorithm(zlib.deflate, zlib.inflate)],
    ['brotli', brotli],
  ] as [Compression | 'zlib', Algorithm][])
  // Older versions of Node have no zstd.
  const { zstdCompress, zstdDecompress } = zlib as unknown as Newer
  if (zstdCompress !== undefined && zstdDecompress !== undefined) {
    found.set('zstd', algorithm(zstdCompress as Zlib['gzip'], zstdDecompress))
  }
  return found
}

function algorithm(squeeze: Zlib['gzip'], inflate: Zlib['gunzip']): Algorithm {
  return { squeeze: promisify(squeeze) as Squeeze, inflate: promisify(inflate) as Inflate }
}

/** Whether this version of Node supports the algorithm. */
export function canCompress(compression: Compression): boolean {
  return algorithms().has(compression)
}

/** Compresses in the thread pool. Resolves to undefined when the result is not smaller. */
export async function compress(
  compression: Compression | 'zlib',
  bytes: Uint8Array,
): Promise<Buffer | undefined> {
  const squeezed = await find(compression).squeeze(bytes)
  return squeezed.length < bytes.length ? squeezed : undefined
}

/**
 * Decompresses in the thread pool. Rejects with MINTRING_TOO_LARGE beyond `maxBytes`, which
 * protects against decompression bombs, and with MINTRING_BAD_VALUE for corrupt bytes.
 */
export async function decompress(
  compression: Compression | 'zlib',
  bytes: Uint8Array,
  maxBytes: number,
): Promise<Buffer> {
  try {
    return await find(compression).inflate(bytes, { maxOutputLength: maxBytes })
  } catch (error) {
    if (isMintringError(error)) throw error
    if (systemCodeOf(error) === 'ERR_BUFFER_TOO_LARGE') {
      throw new MintringError(
        'MINTRING_TOO_LARGE',
        `a compressed value decompresses to more than maxDecompressedBytes (${maxBytes})`,
      )
    }
    throw badValue(`a stored value is not ${compression}, although its flags say so`, error)
  }
}

function find(compression: Compression | 'zlib'): Algorithm {
  const found = algorithms().get(compression)
  if (found !== undefined) return found
  throw new MintringError(
    'MINTRING_UNSUPPORTED',
    `${compression} needs a newer Node than ${process.version}`,
  )
}
