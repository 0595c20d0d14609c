// The same service with three kinds of caching: this file is the only difference.

const ttl = Number(process.env.TTL ?? 10)

export const ways = {
  /** Every request asks the origin. */
  none: (_cache, origin) => (category) => origin.report(category),

  /** The usual way: read the cache, ask the origin on a miss, store. */
  naive: (cache, origin) => async (category) => {
    const key = `report:${category}`
    const found = await cache.get(key).catch(() => undefined)
    if (found !== undefined) return found
    const report = await origin.report(category)
    await cache.set(key, report, { ttl }).catch(() => false)
    return report
  },

  /** One request in the whole fleet asks the origin; the others get the cached value. */
  mintring: (cache, origin) => {
    const reports = cache.define({
      key: (category) => `report:${category}`,
      loader: (category) => origin.report(category),
      ttl,
      staleWhileRevalidate: 60,
    })
    return (category) => reports.get(category)
  },
}
