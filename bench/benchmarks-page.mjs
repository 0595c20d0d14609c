// Fills the tables of docs/benchmarks.md and draws its pictures from the committed results:
// `npm run bench -- benchmarks-page`. Tables stand between `<!-- name -->` and `<!-- /name -->`.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { bars, lines, savePicture } from './picture.mjs'

const page = new URL('../docs/benchmarks.md', import.meta.url)
const peers = /^(memjs|memcached|memcache|memcache-client|memcache-plus|@keyv\/memcache)$/
const SUITES = [
  'clients',
  'service',
  'lanes',
  'ablation',
  'profile',
  'memory',
  'growth',
  'ring',
  'full-load',
  'cold-start',
  'node-versions',
]
const results = Object.fromEntries(
  SUITES.map((name) => {
    const file = new URL(`results/${name}.json`, import.meta.url)
    return [name, existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined]
  }),
)

/** The tables and pictures of the page: the results that each needs, and its function. */
const tables = {
  machine: ['clients', machineLines],
  ratios: ['clients', ratioTable],
  times: ['clients', timesTable],
  clients: ['clients', clientTable],
  'cold-start': ['cold-start', coldStartTable],
  'node-versions': ['node-versions', nodeVersionsTable],
  service: ['service', serviceTable],
  lanes: ['lanes', lanesTable],
  ablation: ['ablation', ablationTable],
  profile: ['profile', profileTable],
  allocated: ['memory', allocatedTable],
  held: ['memory', heldTable],
  growth: ['growth', growthTable],
  ring: ['ring', ringTable],
  'full-load': ['full-load', fullLoadLines],
}

let text = readFileSync(page, 'utf8')
for (const name of Object.keys(tables)) {
  const pattern = new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`)
  if (!pattern.test(text)) throw new Error(`docs/benchmarks.md has no place for ${name}`)
  const [suite, make] = tables[name]
  const content = results[suite] === undefined ? 'Not run yet.' : make()
  text = text.replace(pattern, (_, open, close) => `${open}${content}\n${close}`)
}
writeFileSync(page, text)
draw()

function machineLines() {
  const { cpu, cores, memoryGiB, system, node, memcached, loadBefore, date } =
    results.clients.machine
  const load = `load average ${loadBefore[0]} when it began`
  const hardware = `${cpu}, ${cores} cores, ${memoryGiB} GiB`
  return `${date}: ${hardware}, ${system}, Node ${node}, ${memcached}, ${load}.`
}

/** The peer with the highest (`1`) or lowest (`-1`) figure. */
function bestPeer({ clients }, figure, sign) {
  const named = Object.entries(clients).filter(([name]) => peers.test(name))
  const value = ([, figures]) => sign * figures[figure].median
  return named.reduce((best, one) => (value(one) > value(best) ? one : best))
}

/** CPU first: throughput depends also on the server and on other processes of the machine. */
function ratioTable() {
  const rows = results.clients.results.map((one) => {
    const { mintring } = one.clients
    const limit = one.clients['limit-get']
    const [frugalName, frugal] = bestPeer(one, 'cpuUs', -1)
    const [fastName, fast] = bestPeer(one, 'perSecond', 1)
    return [
      one.name,
      limit === undefined ? '' : ratio(mintring, limit, 'cpuUs'),
      `1/${(frugal.cpuUs.median / mintring.cpuUs.median).toFixed(1)} of ${frugalName}`,
      limit === undefined ? '' : ratio(mintring, limit, 'perSecond'),
      `${ratio(mintring, fast, 'perSecond')} of ${fastName}`,
    ]
  })
  const head = [
    '',
    'CPU against the bare socket',
    'CPU against the most frugal peer',
    'throughput against the bare socket',
    'throughput against the fastest peer',
  ]
  return table(head, rows)
}

/** Response times where callers wait for each other: the cases with many operations in flight. */
function timesTable() {
  const rows = results.clients.results.filter(({ inFlight, bytes }) => inFlight > 1 && bytes < 1e4)
  const names = ['mintring', 'limit-get', 'memjs', 'memcache', 'memcache-client']
  const figures = ['p50Us', 'p99Us', 'p999Us']
  const cell = (client) =>
    client === undefined ? '' : figures.map((name) => short(client[name].median / 1000)).join(' / ')
  return table(
    ['p50 / p99 / p99.9 in ms', ...names],
    rows.map(({ name, clients }) => [name, ...names.map((client) => cell(clients[client]))]),
  )
}

function coldStartTable() {
  const { figures } = results['cold-start']
  const bare = figures['bare Node']
  const rows = Object.entries(figures).map(([name, one]) => [
    name,
    ratio(one, bare, 'wallMs'),
    short(one.wallMs.median),
    short(one.cpuMs.median),
  ])
  return table(['', 'time against a bare Node', 'ms', 'CPU ms'], rows)
}

function nodeVersionsTable() {
  const { results: all } = results['node-versions']
  const names = Object.keys(all[0].versions)
  const cell = ({ mintring, limit }) =>
    `${ratio(mintring, limit, 'cpuUs')} [${short(mintring.cpuUs.median)}]`
  const rows = all.map(({ name, versions }) => [name, ...names.map((node) => cell(versions[node]))])
  return table(['CPU against the bare socket [µs]', ...names], rows)
}

/** All contestants of any case, in order of first appearance. */
function namesOf(all) {
  return [...new Set(all.flatMap((contestants) => Object.keys(contestants)))]
}

function figureCell(figures) {
  if (figures === undefined) return ''
  return `${thousands(figures.perSecond.median)} [${short(figures.cpuUs.median)}]`
}

function ratio(ours, theirs, figure) {
  return (ours[figure].median / theirs[figure].median).toFixed(2)
}

function clientTable() {
  const names = namesOf(results.clients.results.map(({ clients }) => clients))
  const rows = results.clients.results.map(({ name, clients }) => [
    name,
    ...names.map((client) => figureCell(clients[client])),
  ])
  return table(['k/s [CPU µs]', ...names], rows)
}

function serviceTable() {
  const all = results.service.results
  const rows = namesOf(all.map(({ services }) => services)).map((name) => {
    return [name, ...all.map(({ services }) => figureCell(services[name]))]
  })
  return table(['k/s [CPU µs]', ...all.map(({ clients }) => `${clients} clients`)], rows)
}

function lanesTable() {
  const all = results.lanes.results
  const names = Object.keys(all[0].lanes)
  const cell = ({ perSecond, p50Us, p99Us }) => {
    const times = `p50 ${short(p50Us.median)} µs, p99 ${short(p99Us.median)} µs`
    return `${thousands(perSecond.median)} k/s, ${times}`
  }
  const rows = all.map(({ name, lanes }) => [name, ...names.map((lane) => cell(lanes[lane]))])
  return table(['connections', ...names], rows)
}

/** Look-ups and builds at common fleet sizes, and at one that shows the growth. */
function ringTable() {
  const { rows } = results.ring
  const names = [...new Set(rows.map(({ name }) => name))]
  const at = (name, hosts) => rows.find((row) => row.name === name && row.hosts === hosts)
  const cell = (row, figure) => (row?.[figure] === undefined ? '' : short(row[figure]))
  const lines = names.map((name) => [
    name,
    ...[3, 10, 100, 1000].map((hosts) => cell(at(name, hosts), 'indexOfNs')),
    cell(at(name, 1000), 'buildMs'),
  ])
  const head = ['ns per look-up', '3 hosts', '10', '100', '1,000', 'build of 1,000, ms']
  return table(head, lines)
}

function ablationTable() {
  const rows = Object.entries(results.ablation.results).map(([name, { cpuNs }]) => {
    return [name, cpuNs.median, `${cpuNs.low} to ${cpuNs.high}`]
  })
  return table(['part', 'CPU ns per operation', 'quartiles'], rows)
}

/** Each cell: mintring, then the bare socket. */
function profileTable() {
  const all = results.profile.results
  const cell = ({ clients }, part) => {
    const of = (client) => Math.round(clients[client][part].median)
    return `${of('mintring')} / ${of('limit-get')}`
  }
  const parts = Object.keys(all[0].clients.mintring)
  const rows = parts.map((part) => [part, ...all.map((one) => cell(one, part))])
  return table(['ns', ...all.map(({ name }) => name.replace(' 100 B', ''))], rows)
}

function allocatedTable() {
  const { allocated } = results.memory
  const names = [...new Set(allocated.map(({ client }) => client))]
  const of = (client, verb) => allocated.find((one) => one.client === client && one.verb === verb)
  const rows = names.map((name) => [name, of(name, 'get').bytes, of(name, 'set').bytes])
  return table(['bytes per operation', 'get 100 B', 'set 100 B'], rows)
}

function heldTable() {
  const { held } = results.memory
  const names = [...new Set(held.map(({ client }) => client))]
  const of = (client, bytes) => held.find((one) => one.client === client && one.bytes === bytes)
  const rows = names.map((name) => [name, of(name, 10_240).ratio, of(name, 102_400).ratio])
  return table(['times the bytes in flight', '10 KB', '100 KB'], rows)
}

function growthTable() {
  const { behaviors } = results.growth.curves
  return table(
    ['1 KB values, 32 in flight', 'CPU µs per operation'],
    behaviors.map(({ behavior, cpuUs }) => [behavior, short(cpuUs)]),
  )
}

function fullLoadLines() {
  const run = results['full-load']
  const megabytes = run.heap.map((bytes) => Math.round(bytes / 2 ** 20))
  const [first, last] = [megabytes[1], megabytes.at(-1)]
  const again = run.repeated.map(({ name, times: count, last: at }) => `${name} ${count} (${at} s)`)
  return [
    `${run.minutes} minutes, ${thousands(run.operations)} thousand operations, ` +
      `${run.perSecond} per second;`,
    `p50 ${run.p50Us} µs, p99 ${run.p99Us} µs, p99.9 ${run.p999Us} µs.`,
    `Live heap ${first} MB at the beginning, ${last} MB at the end, ` +
      `${Math.max(...megabytes)} MB at most.`,
    `${run.deopts} deoptimizations; functions with more than three, and when the last one was: ` +
      `${again.join(', ') || 'none'}.`,
  ].join('\n')
}

function draw() {
  for (const name of ['get 100 B, 32 in flight', 'get 100 B, 512 in flight']) {
    const { clients } = results.clients.results.find((one) => one.name === name)
    const file = `clients-${name.match(/(\d+) in flight/)[1]}`
    savePicture(
      `${file}-throughput`,
      bars(`${name}: thousand per second`, rowsOf(clients, 'perSecond', 1e3)),
    )
    savePicture(`${file}-cpu`, bars(`${name}: CPU µs per operation`, rowsOf(clients, 'cpuUs', 1)))
  }
  const at64 = results.service.results.find(({ clients }) => clients === 64).services
  savePicture(
    'service-64',
    bars('HTTP, 64 clients: thousand requests per second', rowsOf(at64, 'perSecond', 1e3)),
  )
  curve('hosts', 'hosts', [1, 10, 100, 1000], [0.5, 1, 2, 5, 10])
  curve('bytes', 'bytes of a value', [1, 100, 10_000, 1_000_000], [0.5, 1, 10, 100, 1000])
  curve(
    'inFlight',
    'operations in flight',
    [1, 10, 100, 1000, 10_000, 100_000],
    [0.5, 1, 2, 5, 10, 20, 50],
  )
}

function rowsOf(clients, figure, unit) {
  return Object.entries(clients).map(([name, figures]) => {
    const value = figures[figure].median / unit
    const kind = name === 'mintring' ? 'ours' : /^(limit|none)/.test(name) ? 'bound' : 'bar'
    return { name, value, text: short(value), kind }
  })
}

function curve(name, xLabel, x, y) {
  const points = results.growth.curves[name].map((point) => [point[name], point.cpuUs])
  const title = 'CPU µs per get, both scales logarithmic'
  const axes = { title, xLabel, x, y, xText: (value) => value.toLocaleString('en'), yText: String }
  savePicture(`growth-${name}`, lines(axes, [{ name: 'mintring', colour: '#0f8a6d', points }]))
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function thousands(value) {
  return short(value / 1000)
}

function short(value) {
  return Number(value.toPrecision(3)).toString()
}
