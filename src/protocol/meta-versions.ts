/** The first memcached version whose meta commands have today's syntax. */
export const META_SINCE = '1.6.10'

/** A meta command with flags. */
export type MetaVerb = 'mg' | 'ms' | 'md' | 'ma'

/**
 * The first memcached version that supports a flag, if later than META_SINCE. Older versions reply
 * `CLIENT_ERROR invalid flag` (or ignore it: C of `mg`). Source: memcached's sources, release by
 * release.
 */
export const metaFlagSince: Readonly<Record<MetaVerb, Readonly<Record<string, string>>>> = {
  mg: { C: '1.6.40', E: '1.6.27', P: '1.6.14', L: '1.6.14' },
  ms: { E: '1.6.27', N: '1.6.20', s: '1.6.20', P: '1.6.14', L: '1.6.14' },
  md: { E: '1.6.27', x: '1.6.27', P: '1.6.14', L: '1.6.14' },
  ma: { E: '1.6.27', P: '1.6.14', L: '1.6.14' },
}

/** Returns whether the server version `version` (`1.6.18`, `1.6.45-rc1`) is at least `since`. */
export function isSince(version: string, since: string): boolean {
  const have = numbers(version)
  const want = numbers(since)
  for (let i = 0; i < want.length; i++) {
    const difference = (have[i] ?? 0) - want[i]!
    if (difference !== 0) return difference > 0
  }
  return true
}

function numbers(version: string): number[] {
  return (/\d+(?:\.\d+)*/.exec(version)?.[0] ?? '0').split('.').map(Number)
}

/** A flag that the server's version does not support. */
export interface NewerFlag {
  /** The letter of the flag. */
  readonly flag: string
  /** The first version that supports it. */
  readonly since: string
}

/** Returns the first flag of `flags` that a server of `version` does not support, or undefined. */
export function unknownMetaFlag(
  verb: MetaVerb,
  flags: Readonly<Record<string, unknown>>,
  version: string,
): NewerFlag | undefined {
  const table = metaFlagSince[verb]
  for (const flag of Object.keys(flags)) {
    const since = table[flag]
    const asked = flags[flag] !== undefined && flags[flag] !== false
    if (since !== undefined && asked && !isSince(version, since)) return { flag, since }
  }
  return undefined
}
