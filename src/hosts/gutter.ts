/** Verbs whose fourth field is an exptime: `set k flags exptime bytes [cas]`. */
const STORE = /^(set|add|replace|append|prepend|cas) (\S+) (\S+) (-?\d+)/
const META_TTL = /^(m[sga] .*?) T(-?\d+)/
const META_STORE = /^ms \S+ \d+/

/**
 * The command line with a time to live of at most `ttlSeconds`: what is kept for a host that is
 * away must not outlive its absence by much. Lines that store nothing stay as they are.
 */
export function withShortTtl(head: string, ttlSeconds: number): string {
  const store = STORE.exec(head)
  if (store !== null) {
    const [all, verb, key, flags, exptime] = store
    return `${verb} ${key} ${flags} ${shorter(exptime, ttlSeconds)}${head.slice(all.length)}`
  }
  const meta = META_TTL.exec(head)
  if (meta !== null) {
    const [all, before, ttl] = meta
    return `${before} T${shorter(ttl, ttlSeconds)}${head.slice(all.length)}`
  }
  return head.replace(META_STORE, (start) => `${start} T${ttlSeconds}`)
}

/** 0 means for ever; a negative one is over already; a date is larger than any relative one. */
function shorter(exptime: string | undefined, ttlSeconds: number): number {
  const seconds = Number(exptime)
  return seconds === 0 ? ttlSeconds : Math.min(seconds, ttlSeconds)
}
