import type { MemcachedClient } from '../../src/client/client.ts'
import { abilitiesOf } from '../../src/embedded/abilities.ts'

/**
 * How many seconds an item has left, by whatever the only server of `cache` can tell it with: a
 * meta command or a listing. -1: it never expires. undefined: it is not there.
 */
export async function secondsLeft(
  cache: MemcachedClient,
  key: string,
): Promise<number | undefined> {
  const [version = ''] = (await cache.version()).values()
  if (abilitiesOf(version).meta) {
    const { status, ttl } = await cache.meta.mg(key, { t: true })
    return status === 'done' ? ttl : undefined
  }
  for await (const item of cache.metadump()) {
    if (item.key !== key) continue
    return item.expiresAt <= 0 ? -1 : item.expiresAt - Math.floor(Date.now() / 1000)
  }
  return undefined
}
