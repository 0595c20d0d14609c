// Runs the tests: `npm test`, `npm test -- test/ring`, `npm test -- --test-name-pattern=ketama`.
// `npm run test:long` (`--long`) runs those that are too slow for `npm test`, and no others.
// `--list` prints the files instead.
// Collects the files itself, because Node 20 finds no TypeScript tests and then exits with 0.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { dirname, join, relative } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
process.chdir(root)

/** Slow tests: matrices, exhaustive orders, chaos. A folder means all its files. */
const LONG = [
  'test/acceptance',
  'test/attacks',
  'test/chaos',
  'test/cli/demo.test.ts',
  'test/client/frozen-realm.test.ts',
  'test/client/live-settings.test.ts',
  'test/client/refill-formats.test.ts',
  'test/client/refill-late.test.ts',
  'test/client/warm-ends.test.ts',
  'test/client/warm-previous.test.ts',
  'test/docs/blocks.test.ts',
  'test/faults',
  'test/handover/classic.test.ts',
  'test/handover/fallbacks.test.ts',
  'test/handover/forged-mark.test.ts',
  'test/handover/handover.test.ts',
  'test/handover/orders.test.ts',
  'test/handover/restarted.test.ts',
  'test/handover/successive.test.ts',
  'test/handover/warm-figures.test.ts',
  'test/hosts/every-change.test.ts',
  'test/meetings',
  'test/refill/many-keys.test.ts',
  'test/secrets-everywhere.test.ts',
  'test/simulate/outage.test.ts',
  'test/simulate/stampede.test.ts',
  'test/simulate/stampede-controls.test.ts',
  'test/simulate/stampede-exhaustive.test.ts',
  'test/tags/fleet.test.ts',
  'test/tags/handover.test.ts',
  'test/tags/pressure.test.ts',
]

const given = process.argv.slice(2)
const isLong = given.includes('--long')
const isListing = given.includes('--list')
const options = given.filter((argument) => /^-(?!-(long|list)$)/.test(argument))
const places = given.filter((argument) => !argument.startsWith('-'))
const files = chosen().sort()
if (files.length === 0) {
  console.error(`No test file (*.test.ts) in ${places.join(', ') || 'test'}.`)
  process.exit(1)
}

if (isListing) {
  console.log(files.join('\n'))
  process.exit(0)
}

const hasConcurrency = options.some((option) => option.startsWith('--test-concurrency'))
const flags = ['--import', './scripts/typescript.mjs', '--unhandled-rejections=strict', '--test']
if (!hasConcurrency) flags.push(`--test-concurrency=${await concurrency()}`)
if (!options.some((option) => option.startsWith('--test-reporter'))) {
  flags.push('--test-reporter=spec')
}
// A file that hangs fails under its name: a whole half takes less time on a quiet machine.
if (!options.some((option) => option.startsWith('--test-timeout'))) {
  flags.push(`--test-timeout=${isLong ? 900_000 : 300_000}`)
}
const run = spawnSync(process.execPath, [...flags, ...options, ...files], { stdio: 'inherit' })
process.exit(run.status ?? 1)

/**
 * Most files wait half of their time: for servers, timers, processes. Where others use the CPUs,
 * more files at once would only make each other wait for longer than the timeouts that they test.
 */
async function concurrency() {
  const before = cpuTimes()
  await sleep(200)
  const after = cpuTimes()
  const idle = (after.idle - before.idle) / (after.all - before.all)
  return availableParallelism() * (idle < 0.5 ? 1 : 2)
}

function cpuTimes() {
  const times = cpus().map(({ times }) => times)
  const sum = (numbers) => numbers.reduce((all, one) => all + one, 0)
  return {
    idle: sum(times.map(({ idle }) => idle)),
    all: sum(times.flatMap((one) => Object.values(one))),
  }
}

/** The named paths, else one of the two halves of all tests. */
function chosen() {
  if (places.length > 0) return places.flatMap(testsUnder)
  const long = new Set(LONG.flatMap(testsUnder))
  return isLong ? [...long] : testsUnder('test').filter((file) => !long.has(file))
}

/** A folder with a package of its own (adapters, packaging) also has its own command. */
function testsUnder(place) {
  if (!existsSync(place)) {
    console.error(`No such test file or folder: ${place}`)
    process.exit(1)
  }
  if (statSync(place).isFile()) return [relative(root, place)]
  return readdirSync(place, { withFileTypes: true }).flatMap((entry) => {
    const path = join(place, entry.name)
    if (entry.isDirectory()) {
      const isOther = entry.name === 'node_modules' || existsSync(join(path, 'package.json'))
      return isOther ? [] : testsUnder(path)
    }
    return entry.name.endsWith('.test.ts') ? [path] : []
  })
}
