// Where the CPU time of an operation goes, for mintring and for the bare socket: `npm run bench --
// profile`. V8's samples of the running function, grouped by what it belongs to; times the CPU time
// per operation, these are nanoseconds. mintring runs from its sources, so that a group is a room.
//   ROUNDS=5 MS=2000 WARM_UP_MS=2000   how long
//   CASES='512 in flight'              only cases whose name contains this
import process from 'node:process'
import { cases } from './clients/cases.mjs'
import { endAll, startServers, Worker } from './clients/fleet.mjs'
import { machine, writeResults } from './clients/report.mjs'
import { interleave } from './clients/rounds.mjs'

const rounds = Number(process.env.ROUNDS ?? 5)
const ms = Number(process.env.MS ?? 2000)
const warmUpMs = Number(process.env.WARM_UP_MS ?? 2000)
const wanted = process.env.CASES ?? ''
const PROFILED = /^(get|set) 100 B, (32|512) in flight/
const dist = new URL('../src/index.ts', import.meta.url).href
const nodeFlags = ['--import', new URL('../scripts/typescript.mjs', import.meta.url).href]

/** The first pattern that matches a function's file and name says what it belongs to. */
const GROUPS = [
  [
    'kernel and socket',
    /writeLatin1String|writeUtf8String|node:(internal\/stream|net|internal\/js_stream)/,
  ],
  ['garbage collector', /garbage collector/],
  ['hash and ring', /src\/ring\/|#?spread\b/],
  ['health, retries, placement', /src\/hosts\//],
  ['batches, queues, timeouts', /src\/net\//],
  ['reading replies, checking keys', /src\/protocol\/|utf8Slice|latin1Slice|RegExp/],
  ['verbs, promises, values', /src\//],
  ['bare socket', /limit\.mjs/],
  ['the caller', /bench\/clients\//],
]
const REST = 'Node and V8'

const described = machine()
const results = []
for (const one of cases.filter(({ name }) => PROFILED.test(name) && name.includes(wanted))) {
  results.push(await profiled(one))
}
if (wanted === '') writeResults('profile', { machine: described, rounds, ms, warmUpMs, results })

async function profiled({ name, verb, inFlight, hosts, bytes, count }) {
  const order = { do: 'profile', verb, inFlight, warmUpMs, ms }
  try {
    const contestants = []
    for (const driver of ['mintring', 'limit-get']) {
      const servers = await startServers(hosts)
      const worker = new Worker(driver, { nodeFlags })
      const settings = { servers, dist, flush: 'adaptive' }
      await worker.order({ do: 'prepare', driver, settings, prefix: 'bench:profile', count, bytes })
      contestants.push({ name: driver, run: async () => parts(await worker.order(order)) })
    }
    const clients = Object.fromEntries(await interleave(contestants, rounds))
    print(name, clients)
    return { name, clients }
  } finally {
    await endAll()
  }
}

/** The CPU nanoseconds per operation of each group. Idle time is none. */
function parts({ figures, profile }) {
  const groupOf = new Map(profile.nodes.map(({ id, callFrame }) => [id, groupFor(callFrame)]))
  const sums = new Map()
  let busy = 0
  profile.samples.forEach((id, index) => {
    const group = groupOf.get(id)
    if (group === undefined) return
    const micros = profile.timeDeltas[index]
    busy += micros
    sums.set(group, (sums.get(group) ?? 0) + micros)
  })
  const nsOf = (micros) => (1000 * figures.cpuUs * micros) / busy
  const all = [...GROUPS.map(([group]) => group), REST]
  return {
    total: 1000 * figures.cpuUs,
    ...Object.fromEntries(all.map((group) => [group, nsOf(sums.get(group) ?? 0)])),
  }
}

function groupFor({ functionName, url }) {
  if (functionName === '(idle)') return undefined
  return GROUPS.find(([, pattern]) => pattern.test(`${url} ${functionName}`))?.[0] ?? REST
}

function print(name, clients) {
  console.log(name)
  for (const part of Object.keys(clients.mintring)) {
    const cells = Object.values(clients).map((figures) => `${figures[part].median}`.padStart(8))
    console.log(`  ${part.padEnd(32)}${cells.join('')}`)
  }
}
