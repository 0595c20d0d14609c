import { fileURLToPath } from 'node:url'

const cacheHandler = fileURLToPath(new URL('cache-handler.js', import.meta.url))

/** @type {import('next').NextConfig} */
export default {
  distDir: process.env.DIST_DIR ?? '.next',
  ...(process.env.MEMCACHED_SERVERS && { cacheHandler, cacheMaxMemorySize: 0 }),
  turbopack: { root: fileURLToPath(new URL(process.env.NEXT_ROOT, import.meta.url)) },
}
