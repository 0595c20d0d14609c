import { isIP } from 'node:net'
import { MintringError } from '../../errors.ts'
import type { ServerObject } from '../../ring/server.ts'

/** The content of a configuration endpoint. */
export interface DiscoveredCluster {
  readonly version: number
  readonly nodes: readonly ServerObject[]
}

/**
 * Parses `<version>\n<host>|<ip>|<port> <host>|<ip>|<port> …\n`, where the ip may be empty. Source:
 * the auto discovery of ElastiCache, which Memorystore shares.
 *
 * @throws MintringError MINTRING_PROTOCOL for any other text: half a list is worse than the old
 * list.
 */
export function parseClusterConfig(text: string): DiscoveredCluster {
  const [version = '', nodes = '', ...rest] = text.split(/\r?\n/)
  if (!/^\d{1,15}$/.test(version) || rest.some((line) => line !== '')) throw broken(text)
  const words = nodes.split(' ').filter((word) => word !== '')
  return { version: Number(version), nodes: words.map((word) => nodeOf(word, text)) }
}

function nodeOf(word: string, text: string): ServerObject {
  const [host = '', ip = '', port = '', ...rest] = word.split('|')
  if (host === '' || rest.length > 0 || !/^\d{1,5}$/.test(port)) throw broken(text)
  if (ip !== '' && isIP(ip) === 0) throw broken(text)
  return { host, port: Number(port), ip: ip === '' || ip === host ? undefined : ip }
}

function broken(text: string): MintringError {
  const shown = JSON.stringify(text.slice(0, 80))
  return new MintringError('MINTRING_PROTOCOL', `Not a cluster configuration: ${shown}`)
}
