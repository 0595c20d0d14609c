// Runs hundreds of callers of all verbs through proxies that delay, split, merge, truncate and
// reset, checks every outcome, prints a line per seed and ends with 1 when anything was found:
// node --expose-gc --import ./scripts/typescript.mjs scripts/fuzz-road.mjs [--seeds 10]
//   [--first-seed 1] [--operations 1000000] [--hosts 1] [--ejection] [--mutant NAME]
//   [--request-timeout-ms 300]
import process from 'node:process'
import { parseArgs } from 'node:util'
import { mutants } from '../test/fuzz/mutants.ts'
import { fuzz } from '../test/fuzz/run.ts'

const MAX_GROWTH_MB = 16

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    'first-seed': { type: 'string', default: '1' },
    operations: { type: 'string', default: '1000000' },
    hosts: { type: 'string', default: '1' },
    ejection: { type: 'boolean', default: false },
    mutant: { type: 'string' },
    'request-timeout-ms': { type: 'string', default: '300' },
  },
})
const seeds = Number(values.seeds)
const operations = Math.ceil(Number(values.operations) / seeds)
const mutant = values.mutant === undefined ? undefined : mutants[values.mutant]
if (values.mutant !== undefined && mutant === undefined) {
  console.error(`No such mutant: ${values.mutant}. There are ${Object.keys(mutants).join(', ')}.`)
  process.exit(2)
}

let firstHeapMb
let found = 0
const sums = {}
for (let index = 0; index < seeds; index++) {
  const seed = Number(values['first-seed']) + index
  const startMs = performance.now()
  const hosts = Number(values.hosts)
  const requestTimeoutMs = Number(values['request-timeout-ms'])
  const plan = { seed, operations, hosts, ejection: values.ejection, mutant, requestTimeoutMs }
  const report = await fuzz(plan)
  globalThis.gc?.()
  const heapMb = process.memoryUsage().heapUsed / 2 ** 20
  firstHeapMb ??= heapMb
  if (heapMb > firstHeapMb + MAX_GROWTH_MB) {
    report.add('growth', `the heap grew from ${firstHeapMb.toFixed()} to ${heapMb.toFixed()} MB`)
  }
  found += report.total
  for (const [column, count] of Object.entries(report.found)) {
    sums[column] = (sums[column] ?? 0) + count
  }
  console.log(
    JSON.stringify({
      seed,
      seconds: Math.round((performance.now() - startMs) / 1000),
      operations: report.settled,
      hits: report.hits,
      misses: report.misses,
      ...report.found,
      heapMb: Math.round(heapMb),
      errors: report.errors,
    }),
  )
  for (const example of report.examples) console.log(`  ${example}`)
}
console.log(JSON.stringify({ seeds, operations: seeds * operations, ...sums }))
process.exit(found === 0 ? 0 : 1)
