/** What a server said of itself when a lane to it opened. */
export interface Abilities {
  /** As it names it, such as `1.6.18`; '' when it does not know `version`. */
  readonly version: string
  /** Whether it speaks the meta commands. */
  readonly meta: boolean
  /** Whether it keeps CAS ids (`memcached -C` does not). */
  readonly cas: boolean
  /** The largest item in bytes, key and overhead included; undefined when it does not tell. */
  readonly itemSizeMax: number | undefined
  /** The version is not memcached's own: a proxy stands between, or another program answers. */
  readonly proxy: boolean
}

/** Whether `version` is written as memcached writes its own. */
export function isMemcachedVersion(version: string): boolean {
  return /^1\.\d+\.\d+/.test(version)
}
