// What a cold start costs: `npm run bench -- cold-start`. Whole processes, interleaved: bare Node,
// one that imports a client, and one that also makes it, connects, and stores and reads a value.
//   ROUNDS=15
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { endAll, startServers } from './clients/fleet.mjs'
import { machine, writeResults } from './clients/report.mjs'
import { interleave } from './clients/rounds.mjs'

const rounds = Number(process.env.ROUNDS ?? 15)
const root = fileURLToPath(new URL('../', import.meta.url))
const packages = ['memjs', 'memcached', 'memcache', 'memcache-client', '@keyv/memcache']
const TELL_CPU = 'console.log(JSON.stringify(process.cpuUsage()))'

// As users get it: the package's own ES module.
spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
const dist = new URL('../dist/esm/index.js', import.meta.url).href
const described = machine()
try {
  const servers = await startServers(1)
  const contestants = [
    { name: 'bare Node', run: () => timed(TELL_CPU) },
    ...[dist, ...packages].flatMap((from) => starts(from, servers)),
  ]
  const figures = Object.fromEntries(await interleave(contestants, rounds))
  for (const [name, { wallMs, cpuMs }] of Object.entries(figures)) {
    const ratio = (wallMs.median / figures['bare Node'].wallMs.median).toFixed(2)
    console.log(`${name.padEnd(36)} ${wallMs.median} ms (${ratio}), CPU ${cpuMs.median} ms`)
  }
  writeResults('cold-start', { machine: described, rounds, figures })
} finally {
  await endAll()
}

/** The two starts of a client: its import alone, and until its first value was read. */
function starts(from, servers) {
  const name = from === dist ? 'mintring' : from
  const settings = JSON.stringify({ servers, dist })
  const firstRead = `
    import { drivers } from './clients/drivers.mjs'
    const client = await drivers['${name}'](${settings})
    await client.set('cold-start', 'value')
    if (String(await client.get('cold-start')) !== 'value') throw new Error('a miss')
    ${TELL_CPU}
    process.exit()`
  return [
    { name: `import ${name}`, run: () => timed(`import '${from}'; ${TELL_CPU}`) },
    { name: `first read of ${name}`, run: () => timed(firstRead) },
  ]
}

/** The time of the whole process, and its CPU time so far when the code has run. */
function timed(code) {
  const startMs = performance.now()
  const args = ['--input-type=module', '--eval', code]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    encoding: 'utf8',
  })
  const wallMs = performance.now() - startMs
  if (status !== 0) throw new Error(stderr)
  const { user, system } = JSON.parse(stdout)
  // interleave() takes a run without operations for a failure.
  return { perSecond: 1000 / wallMs, wallMs, cpuMs: (user + system) / 1000 }
}
