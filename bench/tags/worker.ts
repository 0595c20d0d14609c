import process from 'node:process'

/** The arguments of a worker. */
export interface Start {
  readonly library: 'mintring' | 'bentocache' | 'bentocache, mintring/bentocache' | 'cacheable'
  readonly port: number
  /** The offset of its clock. */
  readonly clockMs: number
  readonly keys: number
}

/** The orders to a worker. `version`: what the origin returns from now on. */
export type Order =
  | { readonly do: 'invalidate' }
  | { readonly do: 'read'; readonly version: number; readonly reads: number }

/** The counts of the reads. */
export interface Count {
  reads: number
  /** Returned as current, although the origin had changed. */
  old: number
  /** Returned and marked stale. */
  stale: number
  loads: number
}

/** A cache with tags, as its users call it. */
interface Tagged {
  /** The value, and whether the library marks it stale. */
  read(key: string, load: () => number): Promise<{ value: number; isStale: boolean }>
  invalidate(): Promise<unknown>
}

const start = JSON.parse(process.argv[2]!) as Start
const realNow = Date.now
Date.now = () => realNow() + start.clockMs

// Imported late: some modules keep the clock that they find when they load.
const { MemcachedClient } = await import('../../src/client/client.ts')
const client = new MemcachedClient(`127.0.0.1:${start.port}`, { requestTimeoutMs: 5_000 })
const tags = ['all']
const IN_FLIGHT = 16

const MAKERS: Readonly<Record<Start['library'], () => Promise<Tagged>>> = {
  async mintring() {
    const policy = { ttl: 3_600, staleWhileRevalidate: 600, tags }
    return {
      async read(key, load) {
        const { value, state } = await client.getOrSetEntry(key, load, policy)
        return { value, isStale: state === 'stale' }
      },
      invalidate: () => client.invalidateTags(tags),
    }
  },

  async bentocache() {
    const { PlainDriver } = await import('./plain-driver.ts')
    return bentoOn({ options: {}, factory: () => new PlainDriver(client) })
  },

  async 'bentocache, mintring/bentocache'() {
    const { bentocacheDriver } = await import('../../src/integrations/bentocache.ts')
    return bentoOn(bentocacheDriver({ client }))
  },

  async cacheable() {
    const { Cacheable } = await import('cacheable')
    const { Keyv } = await import('keyv')
    const { KeyvMintring } = await import('../../src/integrations/keyv.ts')
    const store = new KeyvMintring(client) as never
    const cache = new Cacheable({ primary: new Keyv({ store }), tags: true })
    return {
      async read(key, load) {
        const found = await cache.get<number>(key)
        if (found !== undefined) return { value: found, isStale: false }
        const value = load()
        await cache.set(key, value, { ttl: '1h', tags })
        return { value, isStale: false }
      },
      invalidate: () => cache.tags.invalidateTags(tags),
    }
  },
}

/** bentocache with that second level. */
async function bentoOn(level: object): Promise<Tagged> {
  const { BentoCache, bentostore } = await import('bentocache')
  const stores = { shared: bentostore().useL2Layer(level as never) }
  const bento = new BentoCache({ default: 'shared', stores })
  return {
    async read(key, load) {
      const value = await bento.getOrSet({ key, ttl: '1h', tags, factory: load })
      return { value: value as number, isStale: false }
    },
    invalidate: () => bento.deleteByTag({ tags }),
  }
}

const cache = await MAKERS[start.library]()

async function readMany(version: number, reads: number): Promise<Count> {
  const count: Count = { reads, old: 0, stale: 0, loads: 0 }
  let left = reads
  const load = (): number => {
    count.loads++
    return version
  }
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const key = `value:${Math.floor(Math.random() * start.keys)}`
      const { value, isStale } = await cache.read(key, load)
      if (isStale) count.stale++
      else if (value < version) count.old++
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller))
  return count
}

async function carryOut(order: Order): Promise<Count | undefined> {
  if (order.do === 'read') return readMany(order.version, order.reads)
  await cache.invalidate()
  return undefined
}

process.on('message', (order: Order) => {
  carryOut(order).then(
    (count) => process.send!({ count }),
    (error: unknown) => process.send!({ error: String(error) }),
  )
})
process.on('disconnect', () => process.exit())
process.send!({ count: undefined })
