import { DEFAULT_PORT, type RingServer } from '../../ring/server.ts'
import { builtin } from '../../runtime.ts'

/** The look-ups this needs, so that tests can make up a zone. */
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
 * The servers a name stands for: one per A or AAAA record or, for a name that begins with an
 * underscore (RFC 2782), one per SRV record of the first priority, with its port and weight.
 * Resolvers shuffle their answers and some distributions go by order, so the list is sorted.
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
      // 0 in DNS is "rarely"; a server of a ring has some keys at least.
      weight: Math.max(1, record.weight),
    }))
    .sort((a, b) => (`${a.host}:${a.port}` < `${b.host}:${b.port}` ? -1 : 1))
}
