import { createReadStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { distributionNames } from '../ring/distributions/registry.ts'
import type { HashName } from '../ring/hashes/registry.ts'
import type { Key } from '../ring/key.ts'
import type { DistributionName } from '../ring/options.ts'
import { type RemapInput, type RemapReport, remap } from '../simulate/remap.ts'
import { keysOfLines, noSkippedLines, type SkippedLines } from '../simulate/remap-keys.ts'
import { metadumpKeys } from '../simulate/remap-metadump.ts'
import { type CliIo, exitCodes, UsageError } from './io.ts'
import { remapSvg } from './remap-chart.ts'
import { remapHtml } from './remap-html.ts'
import { ProgressBar } from './remap-progress.ts'
import { runShard, threadsAvailable } from './remap-shards.ts'
import { remapCsv, remapTable } from './remap-text.ts'

/** The exit code of `--fail-above` when more moved. */
export const EXIT_ABOVE = 3

/** What `mintring remap --help` prints. */
export const remapHelp: string = `Usage: mintring remap --servers <n or list> <change> [options]

Counts how many keys change server when the list of servers changes.

  --servers 10              how many servers, or host:port[:weight],…
Change (several at once are one change):
  --remove 1                how many leave, or which (host:port,…)
  --add 1                   how many join, or which
  --replace old=new,…       one for another, at its place in the list
  --reweight host=3,…       other weights
Keys:
  --keys 100000             made-up keys (the default), or the most to read
  --key-format 'user:%d'    how they look
  --keys-from FILE          one per line; - for standard input
  --sample                  from the live servers of --servers (lru_crawler metadump)
What to compare:
  --distributions ketama,modula   or all
  --hashes md5,xxh64        each distribution's own by default
  --trials 10               hosts to average over, for changes given as a count
  --requests-per-second 5000 --hit-ratio 0.95    adds the load on the origin
Output:
  --json | --csv | --svg | --html    instead of a table
  --out FILE                write it there
  --fail-above 0.2          exit with ${EXIT_ABOVE} if the first distribution moves more
  --workers 2               threads; as many as cores by default, for a million keys or more
`

const options = {
  servers: { type: 'string' },
  remove: { type: 'string' },
  add: { type: 'string' },
  replace: { type: 'string' },
  reweight: { type: 'string' },
  keys: { type: 'string' },
  'key-format': { type: 'string' },
  'keys-from': { type: 'string' },
  sample: { type: 'boolean' },
  distributions: { type: 'string' },
  hashes: { type: 'string' },
  trials: { type: 'string' },
  'requests-per-second': { type: 'string' },
  'hit-ratio': { type: 'string' },
  json: { type: 'boolean' },
  csv: { type: 'boolean' },
  svg: { type: 'boolean' },
  html: { type: 'boolean' },
  out: { type: 'string' },
  'fail-above': { type: 'string' },
  workers: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options']

type Flags = ReturnType<typeof parseFlags>

const DEFAULT_KEYS = 100_000
// Below this, starting threads costs more than it saves.
const KEYS_WORTH_THREADS = 1_000_000

/** `mintring remap`: what a change of servers costs, before it is made. */
export async function remapCommand(argv: string[], io: CliIo): Promise<number> {
  const flags = parseFlags(argv)
  if (flags.help) {
    io.out(remapHelp)
    return exitCodes.ok
  }
  const failAbove = fraction(flags, 'fail-above')
  const bar = new ProgressBar(io)
  const skipped = noSkippedLines()
  try {
    const input = inputOf(flags, io, skipped)
    const report = await remap({ ...input, onProgress: (done) => bar.update(done) })
    bar.clear()
    await deliver(formatted(report, flags, skipped), flags.out, io)
    tellSkipped(skipped, io)
    const { moved, distribution } = report.results[0]!
    if (failAbove === undefined || moved <= failAbove) return exitCodes.ok
    io.err(`${distribution} moves ${moved.toFixed(4)} of the keys, above ${failAbove}\n`)
    return EXIT_ABOVE
  } finally {
    bar.clear()
  }
}

function parseFlags(argv: string[]) {
  try {
    return parseArgs({ args: argv, options, allowPositionals: false }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function inputOf(flags: Flags, io: CliIo, skipped: SkippedLines): RemapInput {
  if (flags.servers === undefined) throw new UsageError('remap needs --servers')
  const servers = countOrList(flags.servers)
  const input: RemapInput = {
    servers,
    change: {
      remove: flags.remove === undefined ? undefined : countOrList(flags.remove),
      add: flags.add === undefined ? undefined : countOrList(flags.add),
      replace: pairs(flags, 'replace', (value) => value),
      reweight: pairs(flags, 'reweight', (value) => numeric('reweight', value)),
    },
    keys: keySource(flags, servers, io, skipped),
    keyFormat: flags['key-format'],
    distributions: distributionsOf(flags.distributions),
    hashes: flags.hashes === undefined ? undefined : (list(flags.hashes) as HashName[]),
    trials: flags.trials === undefined ? undefined : numeric('trials', flags.trials),
    requestsPerSecond: optionalNumber(flags, 'requests-per-second'),
    hitRatio: fraction(flags, 'hit-ratio'),
    signal: io.signal,
  }
  return { ...input, ...threads(flags, input) }
}

function threads(flags: Flags, input: RemapInput): Partial<RemapInput> {
  const worthIt = typeof input.keys === 'number' && input.keys >= KEYS_WORTH_THREADS
  const shards = optionalNumber(flags, 'workers') ?? (worthIt ? availableParallelism() : 1)
  if (shards === 1 || !threadsAvailable) return { shards }
  const { signal } = input
  return { shards, runShard: (shard, onProgress) => runShard(shard, { onProgress, signal }) }
}

function keySource(
  flags: Flags,
  servers: number | readonly string[],
  io: CliIo,
  skipped: SkippedLines,
): number | AsyncIterable<Key> {
  const limit = optionalNumber(flags, 'keys')
  const from = flags['keys-from']
  if (from !== undefined && flags.sample) {
    throw new UsageError('--keys-from and --sample cannot go together')
  }
  if (flags.sample) {
    if (typeof servers === 'number') throw new UsageError('--sample needs a list in --servers')
    return firstOf(allKeys(servers), limit)
  }
  if (from === undefined) return limit ?? DEFAULT_KEYS
  const chunks = from === '-' ? io.stdin : createReadStream(from)
  if (chunks === undefined) throw new UsageError('there is no standard input to read keys from')
  return firstOf(keysOfLines(chunks, skipped), limit)
}

async function* allKeys(servers: readonly string[]): AsyncGenerator<Key> {
  for (const server of servers) yield* metadumpKeys(server)
}

async function* firstOf(keys: AsyncIterable<Key>, limit = Infinity): AsyncGenerator<Key> {
  let taken = 0
  for await (const key of keys) {
    yield key
    if (++taken >= limit) return
  }
}

function distributionsOf(text: string | undefined): readonly DistributionName[] | undefined {
  if (text === undefined) return undefined
  return text === 'all' ? distributionNames : (list(text) as DistributionName[])
}

function formatted(report: RemapReport, flags: Flags, skipped: SkippedLines): string {
  const formats = ['json', 'csv', 'svg', 'html'] as const
  const asked = formats.filter((format) => flags[format])
  if (asked.length > 1) throw new UsageError(`--${asked.join(' and --')} cannot go together`)
  if (flags.json) return `${JSON.stringify({ ...report, skipped })}\n`
  if (flags.csv) return remapCsv(report)
  if (flags.svg) return remapSvg(report)
  if (flags.html) return remapHtml(report)
  return remapTable(report)
}

async function deliver(text: string, file: string | undefined, io: CliIo): Promise<void> {
  if (file === undefined) io.out(text)
  else await writeFile(file, text)
}

function tellSkipped({ empty, tooLong, unusable }: SkippedLines, io: CliIo): void {
  if (empty + tooLong + unusable === 0) return
  io.err(
    `Lines skipped: ${empty} empty, ${tooLong} over 250 bytes, ${unusable} with control bytes\n`,
  )
}

function countOrList(text: string): number | string[] {
  return /^\d+$/.test(text) ? Number(text) : list(text)
}

function list(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== '')
}

function pairs<Value>(
  flags: Flags,
  name: 'replace' | 'reweight',
  read: (value: string) => Value,
): Record<string, Value> | undefined {
  const text = flags[name]
  if (text === undefined) return undefined
  const entries = list(text).map((pair): [string, Value] => {
    const [left = '', right = '', ...more] = pair.split('=')
    if (left === '' || right === '' || more.length > 0) {
      throw new UsageError(`--${name} takes host=value, not '${pair}'`)
    }
    return [left, read(right)]
  })
  return Object.fromEntries(entries)
}

function optionalNumber(
  flags: Flags,
  name: 'keys' | 'workers' | 'requests-per-second' | 'hit-ratio' | 'fail-above',
): number | undefined {
  const text = flags[name]
  return text === undefined ? undefined : numeric(name, text)
}

function fraction(flags: Flags, name: 'hit-ratio' | 'fail-above'): number | undefined {
  const value = optionalNumber(flags, name)
  if (value === undefined || (value >= 0 && value <= 1)) return value
  throw new UsageError(`--${name} is from 0 to 1, not ${value}`)
}

function numeric(name: string, text: string): number {
  const value = Number(text.replaceAll('_', ''))
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new UsageError(`--${name} takes a number, not '${text}'`)
  }
  return value
}
