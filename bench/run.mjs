// `npm run bench` runs the suites, `npm run bench -- NAME …` some of them.
// `npm run bench -- --list` names them. Installs bench's own packages on first use.
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { installed } from '../scripts/setup.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))

/** In the order they run in. `long` ones only when they are named. */
const suites = [
  { name: 'parser', file: 'parser.bench.ts', about: 'the reply parser alone' },
  { name: 'ring', file: 'ring.bench.ts', about: 'look-ups and building of rings' },
  { name: 'clients', file: 'clients.mjs', about: 'every client against real servers' },
  { name: 'service', file: 'service.mjs', about: 'one get per request of an HTTP service' },
  { name: 'ablation', file: 'ablation.mjs', about: 'what each part of an operation costs' },
  {
    name: 'growth',
    file: 'growth.mjs',
    about: 'cost against hosts, sizes and operations in flight',
  },
  {
    name: 'memory',
    file: 'memory.mjs',
    about: 'bytes allocated per operation, and held in flight',
  },
  { name: 'stampede', file: 'stampede/stampede.ts', about: 'a hot key expires under many readers' },
  { name: 'tracing', file: 'tracing.mjs', about: 'what the diagnostics channels cost' },
  { name: 'refill-hit', file: 'stampede/hit.ts', about: 'getOrSet of a hit against a plain get' },
  { name: 'soak', file: 'soak.mjs', about: 'ten minutes at full load', long: true },
  {
    name: 'slashdot',
    file: 'slashdot/run.mjs',
    about: 'up to 15,000 users on one page that expires',
    long: true,
  },
  { name: 'faults', file: 'faults.ts', about: 'every client while a host breaks', long: true },
  { name: 'remap-curve', file: 'remap-curve.ts', about: 'how many keys move', long: true },
  { name: 'remap-scale', file: 'remap-scale.mjs', about: 'what counting them takes', long: true },
]

const named = process.argv.slice(2)
const unknown = named.filter((name) => !suites.some((suite) => suite.name === name))
if (unknown.length > 0) {
  for (const { name, about } of suites) console.log(`${name.padEnd(14)}${about}`)
  process.exit(named.includes('--list') ? 0 : 1)
}
if (!installed(here)) process.exit(1)
const chosen = suites.filter(({ name, long }) =>
  named.length > 0 ? named.includes(name) : long !== true,
)
for (const { name, file } of chosen) {
  console.log(`\n— ${name}`)
  const loader = file.endsWith('.ts') ? ['--expose-gc', '--import', 'tsx'] : []
  const args = [...loader, `${here}${file}`]
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
