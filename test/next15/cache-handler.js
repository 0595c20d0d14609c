// Loaded by Next.js from a path of its own making: the built package is found by its address.
const from = (path) => import(new URL(path, `file://${process.env.MINTRING_DIST}/`).href)
const { MemcachedClient } = await from('index.js')
const { nextIncrementalCache } = await from('integrations/next.js')

const client = new MemcachedClient(process.env.MEMCACHED_SERVERS, { largeValues: 'split' })

export default nextIncrementalCache(client)
