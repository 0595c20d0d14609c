// A Worker with a client per request, because a socket belongs to the request that opened it.
import { MemcachedClient } from 'mintring'
import { webPageCache } from 'mintring/page-web'

let renders = 0

async function render() {
  const headers = { 'content-type': 'text/html; charset=utf-8' }
  return new Response(`<p>${++renders}`, { headers })
}

async function verbs(cache) {
  await cache.set('worker', { name: 'Ada' }, { ttl: 60 })
  const { name } = await cache.get('worker')
  const count = await cache.incr('worker:count', 1, { initial: 1 })
  const loaded = await cache.getOrSet('worker:refill', async () => 'loaded', { ttl: 60 })
  return new Response(`${name} ${count} ${loaded}`)
}

export default {
  async fetch(request, { MEMCACHED }, context) {
    const { pathname } = new URL(request.url)
    if (pathname === '/up') return new Response('up')
    if (pathname === '/rendered') return render()
    const cache = new MemcachedClient(MEMCACHED)
    const pages = webPageCache(cache, { ttl: 60 })
    const response = await (pathname === '/verbs' ? verbs(cache) : pages.wrap(render)(request))
    context.waitUntil(cache.close())
    return response
  },
}
