import { fileURLToPath } from 'node:url'

/** @type {import('next').NextConfig} */
export default {
  cacheComponents: true,
  cacheHandlers: { default: fileURLToPath(new URL('cache-handler.js', import.meta.url)) },
  turbopack: { root: fileURLToPath(new URL('.', import.meta.url)) },
}
