// An HTTP service that reads one key per request, in a separate process. Orders as in worker.mjs.
import { createServer } from 'node:http'
import process from 'node:process'
import { drivers } from './drivers.mjs'
import { takeOrders } from './orders.mjs'

const KEYS = 2000
const value = 'abcdefghij'.repeat(10)
let cpu
let server
let served = 0

const orders = {
  /** `driver` 'none' responds without asking a cache: the lower bound of the cost. */
  async prepare({ driver, settings, prefix }) {
    const keys = Array.from({ length: KEYS }, (_, i) => `${prefix}:${String(i).padStart(6, '0')}`)
    const client = driver === 'none' ? { get: async () => value } : await drivers[driver](settings)
    if (driver !== 'none') for (const key of keys) await client.set(key, value)
    let next = 0
    server = createServer(async (_request, response) => {
      const body = await client.get(keys[next++ % KEYS]).catch((error) => String(error))
      served++
      if (body !== value) response.statusCode = 500
      response.end(String(body))
    })
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
    return { port: server.address().port }
  },

  async start() {
    served = 0
    cpu = process.cpuUsage()
    return {}
  },

  async stop() {
    const { user, system } = process.cpuUsage(cpu)
    return { cpuUs: (user + system) / served }
  },
}

await takeOrders(orders)
