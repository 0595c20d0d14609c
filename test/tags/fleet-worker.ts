import process from 'node:process'

/** The arguments of a worker. */
interface Start {
  readonly servers: readonly string[]
  /** The offset of the worker's clock. */
  readonly clockMs: number
  readonly keys: number
}

/** The orders to a worker. */
type Order =
  | { readonly do: 'version'; readonly version: number }
  | { readonly do: 'invalidate' }
  | { readonly do: 'read'; readonly reads: number; readonly atLeast: number }
  | { readonly do: 'close' }

const start = JSON.parse(process.argv[2]!) as Start
const realNow = Date.now
Date.now = () => realNow() + start.clockMs

// Imported late: some modules keep the clock that they find when they load.
const { MemcachedClient } = await import('../../src/client/client.ts')

const IN_FLIGHT = 32
const POLICY = { ttl: 3_600, staleWhileRevalidate: 600, jitter: 0, tags: ['all'] }

const client = new MemcachedClient(start.servers, {
  ...{ requestTimeoutMs: 3_000, retryTimeoutMs: 300, deadTimeoutMs: 300, serverFailureLimit: 1 },
})
let version = 0
const told = { fresh: 0, stale: 0, miss: 0, other: 0, old: 0, loads: 0, failed: 0 }

async function read(atLeast: number): Promise<void> {
  const key = `value:${Math.floor(Math.random() * start.keys)}`
  const load = (): number => {
    told.loads++
    return version
  }
  const { state, value } = await client.getOrSetEntry(key, load, POLICY)
  if (state === 'fresh' || state === 'miss') {
    told[state]++
    if (value < atLeast) told.old++
  } else if (state === 'stale') told.stale++
  else told.other++
}

async function readMany(reads: number, atLeast: number): Promise<void> {
  let left = reads
  const loop = async (): Promise<void> => {
    while (left-- > 0) await read(atLeast).catch(() => told.failed++)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, loop))
}

async function carryOut(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'version':
      version = order.version
      return
    case 'invalidate':
      return client.invalidateTags('all')
    case 'read': {
      Object.assign(told, { fresh: 0, stale: 0, miss: 0, other: 0, old: 0, loads: 0, failed: 0 })
      await readMany(order.reads, order.atLeast)
      return told
    }
    case 'close':
      await client.close({ drainMs: 0 })
      return process.disconnect()
  }
}

process.on('message', (order: Order) => {
  carryOut(order).then(
    (result) => process.connected && process.send!({ result }),
    (error: unknown) => process.send!({ error: String(error) }),
  )
})
process.on('disconnect', () => process.exit())
process.send!({ result: 'ready' })
