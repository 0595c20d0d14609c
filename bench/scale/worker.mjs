// One process of the fleet of bench/scale.ts: runs the orders of its parent and answers each with
// figures. The first argument is the address of the build.

import { subscribe } from 'node:diagnostics_channel'
import { readdirSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

const { MemcachedClient } = await import(process.argv[2])

const clients = []
/** The Unix times of the dials of each host. */
let dials = {}
subscribe('tracing:mintring:connect:start', ({ host }) => {
  dials[host] ??= []
  dials[host].push(Date.now())
})

const orders = {
  make({ servers, count, behaviors }) {
    for (let i = 0; i < count; i++) clients.push(new MemcachedClient(servers, behaviors))
  },
  /** Opens a connection to every host: one raw command each. */
  async start() {
    const files = filesOpen()
    const replies = await Promise.all(clients.map((client) => client.version()))
    const failed = replies.flatMap((reply) => [...reply.failed.values()])
    if (failed.length > 0) throw failed[0]
    const connections = sum(clients.flatMap((client) => client.hosts().map(({ lanes }) => lanes)))
    return { connections, files: filesOpen() - files }
  },
  idle: ({ ms }) => sleep(ms),
  load({ keys, everyMs }) {
    for (const client of clients) void readAlways(client, keys, everyMs)
  },
  async upAgain() {
    while (!clients.every(isUp)) await sleep(10)
    const beganMs = Date.now()
    return { upMs: beganMs }
  },
  errors() {
    isReading = false
    return { calls, failures }
  },
}

let isReading = true
let calls = 0
/** Of each failed call or key: when, and why. */
const failures = []

/** Each client reads at times of its own. */
async function readAlways(client, keys, everyMs) {
  await sleep(Math.random() * everyMs)
  while (isReading) {
    calls++
    const names = Array.from({ length: keys }, () => `key:${Math.random()}`)
    client.getManyDetailed(names).then(
      ({ failed }) => {
        if (failed.size > 0) failures.push({ atMs: Date.now(), code: [...failed.values()][0].code })
      },
      ({ code }) => failures.push({ atMs: Date.now(), code }),
    )
    await sleep(everyMs)
  }
}

/** A suspect host with a connection gets requests; it waits for one to be cleared. */
function isUp(client) {
  return client.hosts().every(({ state, lanes }) => {
    return state === 'up' || (state === 'suspect' && lanes > 0)
  })
}

function filesOpen() {
  return readdirSync('/proc/self/fd').length
}

function sum(numbers) {
  return numbers.reduce((total, one) => total + one, 0)
}

process.on('message', async ({ name, ...order }) => {
  dials = {}
  globalThis.gc()
  const startMs = performance.now()
  const startCpu = process.cpuUsage()
  const result = await orders[name](order)
  const { user, system } = process.cpuUsage(startCpu)
  const ms = performance.now() - startMs
  globalThis.gc()
  const { heapUsed: heap, rss } = process.memoryUsage()
  const files = filesOpen()
  process.send({ ...{ ms, cpuMs: (user + system) / 1_000, heap, rss, files, dials }, ...result })
})
process.on('disconnect', () => process.exit())
process.send({})
