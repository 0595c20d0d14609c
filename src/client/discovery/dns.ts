import { DEFAULT_PORT, type RingServer } from '../../ring/server.ts'
import { builtin } from '../../runtime.ts'

/** The DNS lookups used here; tests replace them. */
export interface Zone {
  lookup(name: string): Promise<readonly { readonly address: string }[]>
  resolveSrv(name: string): Promise<
    readonly {
      readonly name: string
      readonly port: number
      readonly priority: number
      readonly weight: number
    }[]
  >
}

const systemZone: Zone = {
  lookup: (name) => builtin('node:dns/promises').lookup(name, { all: true }),
  resolveSrv: (name) => builtin('node:dns/promises').resolveSrv(name),
}

/**
 * Returns the servers of a name: one per A or AAAA record. For a name that starts with an
 * underscore (RFC 2782), one per SRV record of the first priority, with its port and weight. Sorts
 * the list, because resolvers shuffle it and some distributions depend on the order.
 */
export function dnsSource(
  name: string,
  port: number = DEFAULT_PORT,
  zone: Zone = systemZone,
): () => Promise<RingServer[]> {
  return name.startsWith('_') ? () => srvServers(name, zone) : () => addresses(name, port, zone)
}

async function addresses(name: string, port: number, zone: Zone): Promise<RingServer[]> {
  const found = await zone.lookup(name)
  const unique = new Set(found.map(({ address }) => address))
  return [...unique].sort().map((host) => ({ host, port }))
}

async function srvServers(name: string, zone: Zone): Promise<RingServer[]> {
  const records = await zone.resolveSrv(name)
  const first = Math.min(...records.map(({ priority }) => priority))
  return records
    .filter(({ priority }) => priority === first)
    .map((record) => ({
      host: record.name,
      port: record.port,
      // A DNS weight of 0 means "rarely", but every server of a ring gets some keys.
      weight: Math.max(1, record.weight),
    }))
    .sort((a, b) => (`${a.host}:${a.port}` < `${b.host}:${b.port}` ? -1 : 1))
}
