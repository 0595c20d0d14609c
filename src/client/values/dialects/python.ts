import type { Body, Codec, Encoded } from '../codec.ts'
import { BufferBody } from '../codec.ts'
import { compress, decompress } from '../compress.ts'
import { badValue, describe } from '../json.ts'
import type { ValueSettings } from '../mintring.ts'
import { readBigint } from '../mintring.ts'
import { bytesIn, textBody, textBytes } from '../text.ts'

/** The client flags on which all packages agree; bytes have none. */
const Flag = { Bytes: 0, Pickle: 1, Zlib: 8, Text: 16 } as const

/** The client flags that differ between the packages. */
interface PythonFlags {
  readonly name: string
  /** The flags of a boolean; undefined if the package pickles booleans. */
  readonly boolean: number | undefined
  readonly integer: number
  /** The flags of an integer that Python 2 wrote. */
  readonly long: number | undefined
}

/** The client flags of pylibmc 1.6.3, which python-memcached shares. */
export const PYLIBMC: PythonFlags = { name: 'pylibmc', boolean: 2, integer: 4, long: undefined }

/** The client flags of `pymemcache.serde` 3.5.2 and 4.0.0. */
export const PYMEMCACHE: PythonFlags = {
  name: 'pymemcache',
  boolean: undefined,
  integer: 2,
  long: 4,
}

/**
 * Encodes and decodes values as Python's clients do: str, bytes, int, bool if it is not pickled,
 * and zlib. They pickle everything else; a pickle is executable code, so this codec throws
 * MINTRING_BAD_VALUE for it. An int beyond the safe integers is decoded to a bigint. The empty item
 * without flags, which is also a refill's placeholder, is decoded to empty bytes.
 */
export class PythonCodec implements Codec {
  readonly #flags: PythonFlags
  readonly #settings: ValueSettings

  constructor(flags: PythonFlags, settings: ValueSettings) {
    this.#flags = flags
    this.#settings = settings
  }

  encode(value: unknown): Encoded | Promise<Encoded> {
    const encoded = encodePlain(value, this.#flags)
    const above = this.#settings.compressAboveBytes ?? Number.POSITIVE_INFINITY
    return encoded.body.length <= above ? encoded : compressed(encoded)
  }

  decode(flags: number, body: Body): unknown {
    if ((flags & Flag.Zlib) === 0) return decodePlain(flags, body, this.#flags)
    const type = flags & ~Flag.Zlib
    return this.#unfold(body).then((bytes) => decodePlain(type, new BufferBody(bytes), this.#flags))
  }

  bytes(flags: number, body: Body): Buffer | Promise<Buffer> {
    return (flags & Flag.Zlib) === 0 ? body.valueBuffer() : this.#unfold(body)
  }

  #unfold(body: Body): Promise<Buffer> {
    return decompress('zlib', body.valueBuffer(), this.#settings.maxDecompressedBytes)
  }
}

function encodePlain(value: unknown, { name, boolean, integer }: PythonFlags): Encoded {
  if (typeof value === 'string') return { body: textBody(value), flags: Flag.Text }
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) {
    return { body: BigInt(value).toString(), flags: integer }
  }
  if (typeof value === 'boolean' && boolean !== undefined) {
    return { body: value ? '1' : '0', flags: boolean }
  }
  const bytes = bytesIn(value)
  if (bytes !== undefined) return { body: bytes, flags: Flag.Bytes }
  throw badValue(`${name} would pickle ${describe(value)}: store it as JSON text instead`)
}

async function compressed(encoded: Encoded): Promise<Encoded> {
  const body = await compress('zlib', textBytes(encoded.body))
  return body === undefined ? encoded : { body, flags: encoded.flags | Flag.Zlib }
}

function decodePlain(flags: number, body: Body, python: PythonFlags): unknown {
  switch (flags) {
    case Flag.Text:
      return body.valueString()
    case Flag.Bytes:
      return body.valueBuffer()
    case python.integer:
    case python.long:
      return safeInteger(body.valueString())
    case python.boolean:
      return body.valueString() === '1'
    case Flag.Pickle:
      throw badValue('a stored value is a Python pickle, which only Python can read')
    default:
      throw badValue(`a stored value has flags that ${python.name} does not write (${flags})`)
  }
}

/** Returns a number if that is exact, else a bigint. */
export function safeInteger(text: string): number | bigint {
  const exact = readBigint(text)
  const near = Number(exact)
  return Number.isSafeInteger(near) ? near : exact
}
