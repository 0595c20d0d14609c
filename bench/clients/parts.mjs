// One part of the ablation table, in a separate process: `node parts.mjs DIST NAME OPERATIONS`.
import { subscribe } from 'node:diagnostics_channel'
import net from 'node:net'
import process from 'node:process'
import { connectBare } from './limit.mjs'
import { standIn } from './stand-in.mjs'

const KEYS = 2048
const IN_FLIGHT = 32
const WARM_UP = 100_000
const [dist, name, operations] = process.argv.slice(2)
const from = (path) => import(new URL(path, dist))
const policy = { ttl: 600, staleWhileRevalidate: 60 }

standIn()
const [kind, hosts = '1'] = name.split(' ')
const servers = Array.from({ length: Number(hosts) }, (_, i) => `127.0.0.1:${1000 + i}`)
const keys = Array.from({ length: KEYS }, (_, i) => `user:profile:${String(i).padStart(6, '0')}`)
const read = await reader()

await run(WARM_UP)
const before = process.cpuUsage()
await run(Number(operations))
const { user, system } = process.cpuUsage(before)
console.log(JSON.stringify({ cpuNs: (1000 * (user + system)) / Number(operations) }))
process.exit(0)

async function reader() {
  if (kind === 'limit' || kind === 'ring') {
    return connectBare({ servers, style: 'get', flush: 'adaptive' }).get
  }
  if (kind === 'lane' || kind === 'lanes') return laneReader(kind === 'lanes')
  const { MemcachedClient } = await import(dist)
  const behaviors = kind === 'compressed' ? { compressAboveBytes: 10_000 } : {}
  const client = new MemcachedClient(servers, behaviors)
  if (kind === 'traced') subscribe('tracing:mintring:command:asyncEnd', () => {})
  if (kind === 'getOrSet') return (key) => client.getOrSet(key, missed, policy)
  return (key) => client.get(key)
}

/**
 * Sends requests directly to a lane, or to the lanes of a pool: without cluster, host and client.
 */
async function laneReader(isPooled) {
  const { Lane } = await from('net/lane.js')
  const { Lanes } = await from('net/lanes.js')
  const { Request } = await from('net/request.js')
  const { Turn } = await from('net/turn.js')
  const owner = laneOwner(new Turn())
  const lanes = isPooled ? new Lanes(owner, { min: 1, max: 4, idleMs: 0 }) : undefined
  const lane = lanes?.first ?? new Lane(owner)
  lane.open()
  await owner.opened
  const verb = {
    name: 'get',
    effect: 'read',
    repeatable: true,
    coalesce: true,
    accept(request, reply) {
      request.resolve(reply.valueString())
      return true
    },
    miss: (request) => request.resolve(undefined),
  }
  return (key) => {
    const request = new Request(verb, key, key, undefined)
    request.times = owner.settings
    if (lanes === undefined) lane.send(request)
    else lanes.pick(true).send(request)
    return request.promise
  }
}

function laneOwner(turn) {
  const owner = {
    name: 'stand-in',
    turn,
    maxTtlSeconds: 0,
    settings: { requestTimeoutMs: 500, retries: 1, connectTimeoutMs: 500, maxValueBytes: 1 << 20 },
    handshake: () => ({
      host: 'stand-in',
      credentials: undefined,
      probeMeta: true,
    }),
    dial: async (onBytes) => {
      const buffer = Buffer.allocUnsafeSlow(256 * 1024)
      const callback = (length) => onBytes(buffer.subarray(0, length))
      return net.connect({ onread: { buffer, callback } })
    },
    laneAnswered() {},
    laneLate() {},
    laneEnded(_lane, { error }) {
      throw error
    },
  }
  owner.opened = new Promise((opened) => {
    owner.laneOpened = opened
  })
  return owner
}

function missed() {
  throw new Error('a hit was expected')
}

async function run(count) {
  let next = 0
  const loop = async () => {
    while (next < count) await read(keys[next++ % KEYS])
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, loop))
}
