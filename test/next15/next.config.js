import { fileURLToPath } from 'node:url'

/** @type {import('next').NextConfig} */
export default {
  cacheHandler: fileURLToPath(new URL('cache-handler.js', import.meta.url)),
  cacheMaxMemorySize: 0,
  turbopack: { root: fileURLToPath(new URL(process.env.NEXT_ROOT, import.meta.url)) },
}
