import { startServer } from '../../src/embedded/index.ts'
import { startMemcached } from './memcached.ts'

/** A server of either kind. */
export interface CacheServer {
  readonly host: string
  readonly port: number
  /** Cuts its connections at once. */
  kill(): Promise<void>
}

/** Starts a server of each kind, for suites that run on both. */
export const serverKinds: Readonly<Record<string, () => Promise<CacheServer>>> = {
  memcached: startMemcached,
  'the embedded server': async () => {
    const server = await startServer()
    return { host: server.host, port: server.port, kill: () => server.close() }
  },
}
