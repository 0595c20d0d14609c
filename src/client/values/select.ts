import { MintringError } from '../../errors.ts'
import { CODEC_FLAGS, isConfirmed } from '../../refill/stamp.ts'
import { bytesOf, type Codec, ownBody } from './codec.ts'
import { canCompress } from './compress.ts'
import { NpmMemcachedCodec } from './dialects/npm-memcached.ts'
import { PhpCodec } from './dialects/php.ts'
import { PYLIBMC, PYMEMCACHE, PythonCodec } from './dialects/python.ts'
import type { ValueSettings } from './mintring.ts'
import { MintringCodec } from './mintring.ts'

/** Whose flags values are written and read with. */
export type ValueFlags = 'mintring' | 'pylibmc' | 'pymemcache' | 'php' | 'memcached'

/** The codec of the settings. Throws MINTRING_BAD_BEHAVIOR for a compression this Node lacks. */
export function createCodec(flags: ValueFlags, settings: ValueSettings): Codec {
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

/** A codec that knows nothing of the bits that refills put beside its own. */
export function besideRefills(codec: Codec): Codec {
  return {
    encode: (value) => codec.encode(value),
    decode: (flags, body) =>
      isConfirmed(flags) ? codec.decode(flags & CODEC_FLAGS, ownBody(flags, body)) : undefined,
    bytes: (flags, body) =>
      isConfirmed(flags) ? bytesOf(codec, flags & CODEC_FLAGS, ownBody(flags, body)) : undefined,
  }
}
