/** The first memcached whose meta commands are the ones spoken here (before: another syntax). */
export const META_SINCE = '1.6.10'

/** A meta command with flags. */
export type MetaVerb = 'mg' | 'ms' | 'md' | 'ma'

/**
 * The first memcached to know a flag, where that is later than META_SINCE. Older ones answer
 * `CLIENT_ERROR invalid flag` (or ignore it: `mg` C), read from memcached's sources by release.
 */
export const metaFlagSince: Readonly<Record<MetaVerb, Readonly<Record<string, string>>>> = {
  mg: { C: '1.6.40', E: '1.6.27', P: '1.6.14', L: '1.6.14' },
  ms: { E: '1.6.27', N: '1.6.20', s: '1.6.20', P: '1.6.14', L: '1.6.14' },
  md: { E: '1.6.27', x: '1.6.27', P: '1.6.14', L: '1.6.14' },
  ma: { E: '1.6.27', P: '1.6.14', L: '1.6.14' },
}

/** Whether a server of `version` (`1.6.18`, `1.6.45-rc1`) is at least `since`. */
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

/** A flag that a server is too old for. */
export interface NewerFlag {
  /** Its letter. */
  readonly flag: string
  /** The first version to know it. */
  readonly since: string
}

/** The first flag of `flags` that a server of `version` does not know, or undefined. */
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
