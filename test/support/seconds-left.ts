import { connect } from 'node:net'
import type { MemcachedClient } from '../../src/client/client.ts'
import { abilitiesOf } from '../../src/embedded/abilities.ts'

/**
 * Returns the remaining ttl of an item in seconds; -1 if it never expires, undefined on a miss.
 * Uses a meta command or a key dump, as the only server of `cache` supports.
 */
export async function secondsLeft(
  cache: MemcachedClient,
  key: string,
): Promise<number | undefined> {
  const [[address, version] = ['', '']] = await cache.version()
  if (abilitiesOf(version).meta) {
    const { status, ttl } = await cache.meta.mg(key, { t: true })
    return status === 'done' ? ttl : undefined
  }
  if ((await cache.get(key, { as: 'buffer' })) === undefined) return undefined
  const at = await expiryListed(Number(address.split(':')[1]), key)
  return at <= 0 ? -1 : at - Math.floor(Date.now() / 1000)
}

/**
 * Returns the expiry of a key from a key dump (`lru_crawler metadump`). Repeats the dump until it
 * lists the key, because the server may be BUSY. Before memcached 1.5.4, a dump had no END.
 */
async function expiryListed(port: number, key: string): Promise<number> {
  const row = `key=${encodeURIComponent(key)} exp=`
  for (;;) {
    const text = await listed(port, row)
    if (text.includes(row)) return Number.parseInt(text.split(row)[1]!, 10)
  }
}

/** Returns the reply up to a line that begins with `row`, or what arrived until a 0.5 s pause. */
function listed(port: number, row: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(port, '127.0.0.1').setEncoding('latin1').setTimeout(500)
    const done = (): void => {
      socket.destroy()
      resolve(text)
    }
    socket.on('timeout', done).on('error', reject)
    socket.on('data', (chunk) => {
      text += chunk
      if (text.split(row)[1]?.includes('\n')) done()
    })
    socket.write('lru_crawler metadump all\r\n')
  })
}
