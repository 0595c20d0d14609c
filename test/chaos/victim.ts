import process from 'node:process'
import { MemcachedClient } from '../../src/client/client.ts'

/** Wins the lease of a key, reports that, and loads for ever: to be killed. */
const [port, key, lease, protocol] = process.argv.slice(2) as [string, string, string, string]
const client = new MemcachedClient(`127.0.0.1:${port}`, {
  protocol: protocol === 'classic' ? 'classic' : 'meta',
})
process.on('disconnect', () => process.exit(1))
const loader = (): Promise<string> => {
  process.send?.('loading')
  return new Promise(() => {})
}
await client.getOrSet(key, loader, {
  ttl: 1,
  staleWhileRevalidate: 60,
  lease: Number(lease),
  jitter: 0,
})
