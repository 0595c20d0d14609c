import type { MemcachedClient } from '../../src/client/client.ts'

/** Changes a key; rejects when the change failed. */
export type KeyChange = (client: MemcachedClient, key: string) => Promise<unknown>

export const POLICY = { ttl: 300, staleWhileRevalidate: 60 }

/** Ways to change a key whose value is 1: it becomes 2, stale or absent. */
export const CHANGES: Readonly<Record<string, KeyChange>> = {
  set: (client, key) => client.set(key, 2, { ttl: 300 }),
  setMany: async (client, key) => {
    const { failed } = await client.setMany(new Map([[key, 2]]), { ttl: 300 })
    for (const error of failed.values()) throw error
  },
  delete: (client, key) => client.delete(key),
  deleteMany: async (client, key) => {
    const { failed } = await client.deleteMany([key])
    for (const error of failed.values()) throw error
  },
  invalidate: (client, key) => client.invalidate(key),
  refresh: (client, key) => client.refresh(key, () => 2, POLICY),
}
