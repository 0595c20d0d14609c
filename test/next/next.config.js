import { fileURLToPath } from 'node:url'

const handler = fileURLToPath(new URL('cache-handler.js', import.meta.url))

/** @type {import('next').NextConfig} */
export default {
  distDir: process.env.DIST_DIR ?? '.next',
  cacheComponents: true,
  ...(process.env.MEMCACHED_SERVERS && { cacheHandlers: { default: handler } }),
  turbopack: { root: fileURLToPath(new URL('.', import.meta.url)) },
}
