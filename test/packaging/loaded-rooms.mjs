// Prints which rooms of the package are read at each step, one line per step.
import diagnostics from 'node:diagnostics_channel'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import { startServer } from 'mintring/embedded'

const [server, other] = [await startServer(), await startServer()]
const { cache: files } = createRequire(import.meta.url)
const rooms = () => Object.keys(files).filter((file) => /rooms/.test(file))
const before = new Set(rooms())
const tell = () => {
  const news = rooms().filter((file) => !before.has(file))
  for (const file of news) before.add(file)
  console.log(
    news
      .map((file) => basename(file, '.js'))
      .sort()
      .join(' '),
  )
}
const { MemcachedClient, behaviorsFrom } = await import('mintring')
tell()
const cache = new MemcachedClient(server.address)
tell()
diagnostics.subscribe('tracing:mintring:command:asyncEnd', () => {})
await cache.setMany({ a: 1, b: 2 })
await cache.getMany(['a', 'b'])
await cache.incr('c', 1, { initial: 1, ttl: 60 })
await cache.getOrSet('d', () => 2, { ttl: 60, tags: ['t'] })
await cache.invalidateTags('t')
await cache.meta.mg('a')
await cache.stats()
cache.setServers([server.address, other.address])
await cache.get('a')
tell()
behaviorsFrom.pylibmc({ ketama: true })
tell()
await cache.close()
await server.close()
await other.close()
