import { MintringError } from '../../errors.ts'
import { CODEC_FLAGS, isConfirmed } from '../../refill/paths/stamp.ts'
import { bytesOf, type Codec, ownBody } from './codec.ts'
import { canCompress } from './compress.ts'
import { NpmMemcachedCodec } from './dialects/npm-memcached.ts'
import { PhpCodec } from './dialects/php.ts'
import { PYLIBMC, PYMEMCACHE, PythonCodec } from './dialects/python.ts'
import type { ValueSettings } from './mintring.ts'
import { MintringCodec } from './mintring.ts'

/** The client whose flags are used to encode and decode values. */
export type ValueDialect = 'mintring' | 'pylibmc' | 'pymemcache' | 'php' | 'memcached'

/**
 * Creates the codec of the settings. Throws MINTRING_BAD_BEHAVIOR if this version of Node lacks the
 * compression.
 */
export function createCodec(flags: ValueDialect, settings: ValueSettings): Codec {
  if (settings.compressAboveBytes !== undefined && !canCompress(settings.compression)) {
    throw new MintringError(
      'MINTRING_BAD_BEHAVIOR',
      `compression '${settings.compression}' needs a newer Node than ${process.version}`,
    )
  }
  switch (flags) {
    case 'pylibmc':
      return besideRefills(new PythonCodec(PYLIBMC, settings))
    case 'pymemcache':
      return besideRefills(new PythonCodec(PYMEMCACHE, settings))
    case 'php':
      return besideRefills(new PhpCodec(settings))
    case 'memcached':
      return besideRefills(new NpmMemcachedCodec())
    case 'mintring':
      return new MintringCodec(settings)
  }
}

/** Wraps a codec to hide the flag bits and tags that refills add. */
export function besideRefills(codec: Codec): Codec {
  return {
    encode: (value) => codec.encode(value),
    decode: (flags, body) =>
      isConfirmed(flags) ? codec.decode(flags & CODEC_FLAGS, ownBody(flags, body)) : undefined,
    bytes: (flags, body) =>
      isConfirmed(flags) ? bytesOf(codec, flags & CODEC_FLAGS, ownBody(flags, body)) : undefined,
  }
}
