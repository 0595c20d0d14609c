import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, platform, release } from 'node:os'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { TYPESCRIPT } from '../test/support/typescript.ts'
import { contenders } from './faults/clients.ts'
import type { Row } from './faults/scenario.ts'

/**
 * Breaks one of three memcacheds under every client, and writes the table of docs/reliability.md.
 * `npm run bench -- faults`, or
 * `node --import ./scripts/typescript.mjs bench/faults.ts [client …] [--fault NAME] [--long]`.
 * Needs Linux and root, for network namespaces. Run `npm install --prefix bench` first.
 */
const SCENARIO = fileURLToPath(new URL('./faults/scenario.ts', import.meta.url))
const RESULTS = fileURLToPath(new URL('./results/faults.json', import.meta.url))
const PAGE = fileURLToPath(new URL('../docs/reliability.md', import.meta.url))

/** Fault, duration in seconds, broken at, repaired at. */
const faults = [
  ['kill', 20, 5, 12],
  ['stop', 20, 5, 12],
  ['black hole', 20, 5, 12],
  ['black hole', 60, 5, 45],
] as const
const OPS_PER_SECOND = 2_000

const given = process.argv.slice(2)
const faultAt = given.indexOf('--fault')
const onlyFault = faultAt < 0 ? undefined : given[faultAt + 1]
const named = given.filter(
  (word, i) => !word.startsWith('--') && (faultAt < 0 || i !== faultAt + 1),
)
const clients = named.length > 0 ? named : [...Object.keys(contenders), 'pylibmc']

function runOne(client: string, timing: (typeof faults)[number]): Row | undefined {
  const [fault, seconds, brokenAt, mendedAt] = timing
  const words = [client, fault, seconds, brokenAt, mendedAt, OPS_PER_SECOND].map(String)
  const inside = ['-n', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"', process.execPath]
  const run = spawnSync('unshare', [...inside, ...TYPESCRIPT, SCENARIO, ...words], {
    encoding: 'utf8',
    timeout: (seconds + 40) * 1_000,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const line = run.stdout.split('\n').find((text) => text.startsWith('{'))
  if (line === undefined) console.error(`${client}, ${fault}: no result`)
  return line === undefined ? undefined : { ...JSON.parse(line), seconds: mendedAt - brokenAt }
}

type TimedRow = Row & { seconds?: number }

const rows: TimedRow[] = []
for (const timing of faults) {
  if (onlyFault !== undefined && timing[0] !== onlyFault) continue
  if (timing[1] > 20 && !given.includes('--long')) continue
  for (const client of clients) {
    const row = runOne(client, timing)
    if (row !== undefined) rows.push(row)
    console.log(JSON.stringify(row))
  }
}

/** The rows as text, in the order in which they were run. */
function table(all: readonly TimedRow[]): string {
  const head = [
    'fault',
    'client',
    'errors',
    'of them reads',
    'never settled',
    'wrong',
    'stale',
    'longest wait, ms',
    'hits in the last second of the fault',
    'back after, s',
    'most in flight',
    'connections to the host at the end',
  ]
  const lines = all.map((row) => [
    `${row.fault} ${row.seconds} s`,
    row.client,
    row.errors,
    row.readErrors,
    row.unsettled,
    row.wrong,
    row.stale,
    Math.round(row.maxMs),
    `${row.hitPercent.toFixed(1)} %`,
    row.backMs === undefined ? 'never' : (row.backMs / 1_000).toFixed(1),
    row.peakInFlight,
    row.connections ?? '–',
  ])
  const everything = [head, head.map(() => '---'), ...lines]
  return everything.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** Rows that were not run again keep their last result. */
function merged(fresh: readonly TimedRow[]): TimedRow[] {
  const keyOf = ({ client, fault, seconds }: TimedRow): string => `${fault} ${seconds} ${client}`
  const old = existsSync(RESULTS)
    ? (JSON.parse(readFileSync(RESULTS, 'utf8')).rows as TimedRow[])
    : []
  const all = new Map([...old, ...fresh].map((row) => [keyOf(row), row]))
  const order = faults.flatMap(([fault, , brokenAt, mendedAt]) =>
    [...Object.keys(contenders), 'pylibmc'].map(
      (client) => `${fault} ${mendedAt - brokenAt} ${client}`,
    ),
  )
  return order.flatMap((key) => all.get(key) ?? [])
}

const all = merged(rows)
const markdown = table(all)
console.log(markdown)
const machine = `${cpus().length} × ${cpus()[0]?.model}, ${platform()} ${release()}`
mkdirSync(fileURLToPath(new URL('./results', import.meta.url)), { recursive: true })
const result = { machine, node: process.version, opsPerSecond: OPS_PER_SECOND, rows: all }
writeFileSync(RESULTS, `${JSON.stringify(result, null, 2)}\n`)
const page = readFileSync(PAGE, 'utf8')
const [before, rest = ''] = page.split('<!-- table -->')
const after = rest.split('<!-- /table -->')[1] ?? ''
writeFileSync(PAGE, `${before}<!-- table -->\n\n${markdown}\n\n<!-- /table -->${after}`)
