// Next.js loads a copy of this file from its own folder, so the package is imported by its address.
const from = (path) => import(new URL(path, `file://${process.env.MINTRING_DIST}/`).href)
const { MemcachedClient } = await from('index.js')
const { nextIncrementalCache } = await from('integrations/next.js')

const client = new MemcachedClient(process.env.MEMCACHED_SERVERS, {
  largeValues: process.env.LARGE_VALUES,
})

export default nextIncrementalCache(client)
