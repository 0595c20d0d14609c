import type { MemcachedClient } from '../../src/index.ts'

export const POLICY = { ttl: 600, staleWhileRevalidate: 60 } as const

/**
 * Changes a key to a number. Resolves to the number that it has then; undefined if nothing changed.
 */
export type Change = (
  client: MemcachedClient,
  key: string,
  next: number,
) => Promise<number | undefined>

/** Changes by one command each. */
export const CHANGES: Readonly<Record<string, Change>> = {
  set: (client, key, next) => client.set(key, next).then(() => next),
  delete: (client, key, next) => client.delete(key).then(() => next),
  invalidate: (client, key, next) => client.invalidate(key, POLICY).then(() => next),
  refresh: (client, key, next) => client.refresh(key, () => next, POLICY).then(() => next),
  replace: async (client, key, next) => ((await client.replace(key, next)) ? next : undefined),
  add: async (client, key, next) => ((await client.add(key, next)) ? next : undefined),
  incr: async (client, key) => {
    const number = await client.incr(key)
    return number === undefined ? undefined : Number(number)
  },
  cas: async (client, key, next) => {
    const entry = await client.gets(key)
    if (entry === undefined) return undefined
    return (await client.cas(key, next, entry.cas)) === 'stored' ? next : undefined
  },
}
