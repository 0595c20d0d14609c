import assert from 'node:assert/strict'
import { inspect } from 'node:util'

/** A password that tests put into settings and addresses. */
export const SECRET = 'hunter2'

/** Addresses with typing mistakes: the password in each must never be shown. */
export const ADDRESSES: readonly string[] = [
  `memcached://user:${SECRET}/x@cache:11211`,
  `memcached://user:${SECRET}#x@cache:11211`,
  `memcached://user:${SECRET}?x@cache:11211`,
  `memcached://user:x/${SECRET}@cache:11211`,
  `memcached://user:x#${SECRET}@cache:11211`,
  `memcached://user:x?${SECRET}@cache:11211`,
  `memcached://user:12?${SECRET}`,
  `memcached://user:12?name=${SECRET}@cache`,
  `memcached://user:${SECRET}@x@cache:11211`,
  `memcached://user:${SECRET}%@cache:11211`,
  `memcached://user:${SECRET}%zz@cache`,
  `memcached://user:${SECRET}@cache:99999`,
  `memcached://user:${SECRET}@cache:port`,
  `memcached://user:${SECRET}@`,
  `memcached://user:${SECRET}@:11211`,
  `memcached://user:${SECRET}`,
  `memcached://:${SECRET}`,
  `memcached://user:${SECRET}@ho st:1`,
  `memcached://user:pa ${SECRET}@cache`,
  `memcached://user:${SECRET},x@cache`,
  `memcached://user:1,${SECRET}@cache`,
  `memcached://user:${SECRET}\n@cache`,
  `memcached://user:${SECRET}@cache?weight=x`,
  `memcached://user:${SECRET}@cache?wieght=2`,
  `memcached://user:${SECRET}@cache?password=${SECRET}`,
  `memcached://cache?${SECRET}`,
  `memcached://cache?password=${SECRET}`,
  `memcached://cache:1/?username=ada&password=s3@${SECRET}`,
  `memcached://cache:1/#s3@${SECRET}`,
  `memcacheds://cache?password=a@b@${SECRET}`,
  `cache:1?password=s3@${SECRET}`,
  `memcached://user:${SECRET}@[::1`,
  `memcached://user:${SECRET}@[cache]:1`,
  `memcached://user:${SECRET}@256.1.1.1`,
  `memcached://user:${SECRET}@cache/${SECRET}`,
  `memcached://user:${SECRET}@cache:11211#`,
  `memcacheds://user:${SECRET}@cache:0`,
  `MEMCACHED://user:${SECRET}@cache:x`,
  `memcached:user:${SECRET}@cache`,
  `memcached:/user:${SECRET}@cache`,
  `memcached//user:${SECRET}@cache`,
  `memcache://user:${SECRET}@cache`,
  `redis://user:${SECRET}@cache:6379`,
  `https://user:${SECRET}@cache`,
  `//user:${SECRET}@cache:11211`,
  `user:${SECRET}@cache:11211`,
  `user:${SECRET}@cache`,
  `user:${SECRET}`,
  `cache:11211:${SECRET}`,
  `cache:11211:1:${SECRET}`,
  `${SECRET}@cache:11211`,
  `cache:11211@user:${SECRET}`,
  `unix:user:${SECRET}@/run/memcached.sock`,
  `unix://user:${SECRET}@cache`,
  `[user:${SECRET}@cache]:11211`,
]

export const OBJECTS: readonly object[] = [
  { host: `user:${SECRET}@cache` },
  { host: `memcached://user:${SECRET}@cache` },
  { host: 'cache', port: SECRET },
  { host: 'cache', weight: SECRET },
  { host: 'cache', name: `memcached://user:${SECRET}@cache` },
  { host: 'cache', username: 'user', password: { value: SECRET } },
  { host: 'cache', username: 'user', password: [SECRET] },
  { host: 'cache', username: 'user', passwort: SECRET },
  { host: 'cache', tls: SECRET },
  { host: ' ', username: 'user', password: SECRET },
  { host: 'cache', port: 0, username: 'user', password: SECRET },
]

/** Returns all texts that a value leads to: by fields (hidden ones too), getters and causes. */
function reachable(value: unknown, seen = new Set<unknown>()): string[] {
  if (typeof value === 'string') return [value]
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return []
  if (seen.has(value)) return []
  seen.add(value)
  const texts: string[] = []
  for (let level: object | null = value; level; level = Object.getPrototypeOf(level)) {
    if (level === Object.prototype || level === Function.prototype) break
    for (const name of Reflect.ownKeys(level)) {
      if (name === 'constructor' || name === 'arguments' || name === 'caller') continue
      texts.push(String(name), ...reachable(tryGet(value, name), seen))
    }
  }
  const members = value instanceof Map || value instanceof Set ? [...value] : []
  return [...texts, ...members.flatMap((member) => reachable(member, seen))]
}

function tryGet(value: object, name: PropertyKey): unknown {
  try {
    return Reflect.get(value, name)
  } catch {
    return undefined
  }
}

const withoutBigInts = (_name: string, member: unknown): unknown =>
  typeof member === 'bigint' ? String(member) : member

/** Throws if the secret is in anything that can be read from the value or printed of it. */
export function assertKeepsSecret(value: unknown, what: string): void {
  const printed = [
    inspect(value, { depth: Infinity, showHidden: true }),
    JSON.stringify(value, withoutBigInts) ?? '',
    String(value),
  ]
  const leak = [...reachable(value), ...printed].find((text) => text.includes(SECRET))
  assert.equal(leak, undefined, `${what} shows the password`)
}
