// The cases of the benchmark, and the clients that take part.
const peers = [
  'memjs',
  'memcached',
  'memcache',
  'memcache-client',
  'memcache-plus',
  '@keyv/memcache',
]
const everybody = ['mintring', 'limit-get', 'limit-mg', ...peers, 'pylibmc']
/** Treats several servers as copies of each other: it asks any of them, and misses. */
const NO_SHARDING = 'memcache-client'

function single(verb, bytes, inFlight, hosts) {
  const size = bytes >= 1000 ? `${bytes / 1024} KB` : `${bytes} B`
  const where = hosts === 1 ? '' : `, ${hosts} hosts`
  return {
    name: `${verb} ${size}, ${inFlight} in flight${where}`,
    verb,
    bytes,
    inFlight,
    hosts,
    count: Math.max(100, Math.min(2000, Math.floor(20_000_000 / bytes))),
    clients: everybody.filter((client) => {
      if (client === 'pylibmc') return inFlight <= 32
      return hosts === 1 || client !== NO_SHARDING
    }),
  }
}

function many(inFlight, hosts) {
  const one = single('getMany', 100, inFlight, hosts)
  const where = hosts === 1 ? '' : `, ${hosts} hosts`
  const name = `getMany of 100, ${inFlight} in flight${where}`
  // The bare sockets do not distribute keys over hosts.
  const clients = one.clients.filter((client) => hosts === 1 || !client.startsWith('limit'))
  return { ...one, name, clients }
}

export const cases = [
  ...[1, 32, 512].map((inFlight) => single('get', 100, inFlight, 1)),
  ...[1, 32, 512].map((inFlight) => single('set', 100, inFlight, 1)),
  many(1, 1),
  many(16, 1),
  ...[1, 32, 512].map((inFlight) => single('get', 1024, inFlight, 1)),
  ...[1, 32].map((inFlight) => single('get', 10_240, inFlight, 1)),
  single('set', 10_240, 32, 1),
  ...[1, 32].map((inFlight) => single('get', 102_400, inFlight, 1)),
  single('set', 102_400, 32, 1),
  ...[1, 32, 512].map((inFlight) => single('get', 100, inFlight, 3)),
  many(16, 3),
  ...[1, 32, 512].map((inFlight) => single('get', 100, inFlight, 8)),
  many(16, 8),
]
