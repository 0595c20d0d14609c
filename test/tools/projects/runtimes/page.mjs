// Serves one page four times, without the page cache and with it, and prints what visitors got.
import { MemcachedClient } from 'mintring'
import { webPageCache } from 'mintring/page-web'

const cache = new MemcachedClient(process.env.MEMCACHED)
const pages = webPageCache(cache, { ttl: 60 })
let renders = 0
const render = async () => {
  const headers = { 'content-type': 'text/html; charset=utf-8' }
  return new Response(`<p>${++renders}`, { headers })
}

for (const handler of [render, pages.wrap(render)]) {
  renders = 0
  const port = serve(handler)
  const bodies = []
  for (let visit = 0; visit < 4; visit++) {
    const page = await fetch(`http://127.0.0.1:${port}/`, { headers: { host: 'www.example.com' } })
    bodies.push(await page.text())
    // The page cache stores a page after it has sent the response: wait for that.
    if (handler !== render) await stored()
  }
  console.log(bodies.join(' '))
}
await cache.close()
process.exit()

function serve(fetch) {
  if (globalThis.Bun) return Bun.serve({ port: 0, fetch }).port
  return Deno.serve({ port: 0, onListen() {} }, fetch).addr.port
}

async function stored() {
  for (let look = 0; look < 1000; look++) {
    const [items] = (await cache.stats()).values()
    if (items.curr_items > 0) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
