import { availableParallelism } from 'node:os'
import type { ParseArgsConfig } from 'node:util'
import { messageOf } from '../errors.ts'
import { distributionNames } from '../ring/distributions/registry.ts'
import type { HashName } from '../ring/hashes/registry.ts'
import type { Key } from '../ring/key.ts'
import type { DistributionName } from '../ring/options.ts'
import { createRing } from '../ring/ring.ts'
import { parseServer } from '../ring/server.ts'
import type { RemapInput } from '../simulate/remap-input.ts'
import { keysOfLines, type SkippedLines } from '../simulate/remap-keys.ts'
import { metadumpKeys } from '../simulate/remap-metadump.ts'
import { type SampledServer, sampleKeys } from '../simulate/remap-sample.ts'
import { fileStream } from './file-stream.ts'
import { type CliIo, UsageError } from './io.ts'
import { runShard, threadsAvailable } from './remap-shards.ts'
import { parseCommand } from './target.ts'

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
  'writes-per-second': { type: 'string' },
  processes: { type: 'string' },
  'learn-within': { type: 'string' },
  announce: { type: 'string' },
  handover: { type: 'string' },
  duration: { type: 'string' },
  zipf: { type: 'string' },
  json: { type: 'boolean' },
  csv: { type: 'boolean' },
  svg: { type: 'boolean' },
  html: { type: 'boolean' },
  out: { type: 'string' },
  'fail-above': { type: 'string' },
  workers: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options']

/** The options that describe the traffic over time. */
const TRAFFIC = [
  'writes-per-second',
  'processes',
  'learn-within',
  'announce',
  'handover',
  'duration',
  'zipf',
] as const

/** The parsed options of `mintring remap`. */
export type RemapFlags = ReturnType<typeof parseRemapFlags>

/** What the report says about the keys that were read: skipped lines, and samples of servers. */
export interface RemapFindings {
  readonly skipped: SkippedLines
  /** With --sample: the keys taken from each server. */
  readonly sample: SampledServer[]
}

const DEFAULT_KEYS = 100_000
// With fewer keys, starting threads takes longer than it saves.
const KEYS_WORTH_THREADS = 1_000_000

/**
 * Parses a command line. Throws UsageError for unknown options and for options that exclude each
 * other.
 */
export function parseRemapFlags(argv: string[]) {
  const flags = parsed(argv)
  if (flags.help) return flags
  if (flags.servers === undefined) throw new UsageError('remap needs --servers')
  const isNumber = (text: string | undefined): boolean => /^\d+$/.test(text ?? '')
  const isCounted = isNumber(flags.remove) || isNumber(flags.add)
  const isMadeUp = flags['keys-from'] === undefined && flags.sample !== true
  const rules: [boolean, string][] = [
    [!isMadeUp && flags['keys-from'] !== undefined && flags.sample === true, KEYS_TWICE],
    [flags.sample === true && isNumber(flags.servers), '--sample requires a list in --servers'],
    [!isMadeUp && flags['key-format'] !== undefined, '--key-format requires generated keys'],
    [!isMadeUp && flags.workers !== undefined, '--workers requires generated keys'],
    [flags.trials !== undefined && !isCounted, '--trials requires a count in --remove or --add'],
    [
      (flags['requests-per-second'] === undefined) !== (flags['hit-ratio'] === undefined),
      '--requests-per-second and --hit-ratio must be given together',
    ],
    [
      CHANGES.every((name) => flags[name] === undefined),
      'nothing changes: pass --remove, --add, --replace or --reweight',
    ],
    ...TRAFFIC.map((name): [boolean, string] => [
      flags[name] !== undefined && flags['hit-ratio'] === undefined,
      `--${name} requires --requests-per-second and --hit-ratio`,
    ]),
  ]
  const broken = rules.find(([isBroken]) => isBroken)
  if (broken !== undefined) throw new UsageError(broken[1])
  return flags
}

const CHANGES = ['remove', 'add', 'replace', 'reweight'] as const
const MAX_WORKERS = 1024
const KEYS_TWICE = '--keys-from and --sample exclude each other'

function parsed(argv: string[]) {
  const { values, positionals } = parseCommand(argv, options)
  const [word] = positionals
  if (word !== undefined) throw new UsageError(`remap takes only options, not '${word}'`)
  return values
}

/**
 * Converts the flags to the input of remap(). With --sample, this reads the keys of the live
 * servers.
 */
export async function remapInputOf(
  flags: RemapFlags,
  io: CliIo,
  findings: RemapFindings,
): Promise<RemapInput> {
  const servers = countOrList(flags.servers!)
  const input: Omit<RemapInput, 'keys'> = {
    servers,
    change: {
      remove: flags.remove === undefined ? undefined : countOrList(flags.remove),
      add: flags.add === undefined ? undefined : countOrList(flags.add),
      replace: pairs(flags, 'replace', (value) => value),
      reweight: pairs(flags, 'reweight', (value) => numeric('reweight', value)),
    },
    keyFormat: flags['key-format'],
    distributions: distributionsOf(flags, servers, io),
    hashes: flags.hashes === undefined ? undefined : (list(flags.hashes) as HashName[]),
    trials: optionalNumber(flags, 'trials'),
    ...trafficOf(flags),
    signal: io.signal,
  }
  const workers = optionalNumber(flags, 'workers')
  if (workers !== undefined && !(workers >= 1 && workers <= MAX_WORKERS)) {
    throw new UsageError(`--workers must be from 1 to ${MAX_WORKERS}`)
  }
  const keys = await keysOf(flags, servers, io, findings)
  return { ...input, keys, ...threads(workers, keys, io.signal) }
}

function trafficOf(flags: RemapFlags): Partial<RemapInput> {
  return {
    requestsPerSecond: optionalNumber(flags, 'requests-per-second'),
    hitRatio: fraction(flags, 'hit-ratio'),
    writesPerSecond: optionalNumber(flags, 'writes-per-second'),
    processes: optionalNumber(flags, 'processes'),
    learnMs: durationMs(flags, 'learn-within'),
    announceMs: durationMs(flags, 'announce'),
    handoverMs: durationMs(flags, 'handover'),
    durationMs: durationMs(flags, 'duration'),
    zipf: optionalNumber(flags, 'zipf'),
  }
}

function threads(
  workers: number | undefined,
  keys: RemapInput['keys'],
  signal: AbortSignal | undefined,
): Partial<RemapInput> {
  const worthIt = typeof keys === 'number' && keys >= KEYS_WORTH_THREADS
  const shards = workers ?? (worthIt ? availableParallelism() : 1)
  if (shards === 1 || !threadsAvailable) return { shards }
  return { shards, runShard: (shard, onProgress) => runShard(shard, { onProgress, signal }) }
}

async function keysOf(
  flags: RemapFlags,
  servers: number | readonly string[],
  io: CliIo,
  { skipped, sample }: RemapFindings,
): Promise<RemapInput['keys']> {
  const limit = optionalNumber(flags, 'keys')
  const from = flags['keys-from']
  if (flags.sample && typeof servers === 'object') {
    if (limit === undefined) return allKeys(servers, io.signal, sample)
    const taken = await sampleKeys(servers, { keys: limit, signal: io.signal })
    sample.push(...taken.servers)
    return taken.keys
  }
  if (from === undefined) return limit ?? DEFAULT_KEYS
  const chunks = from === '-' ? io.stdin : fileStream(from)
  if (chunks === undefined) throw new UsageError('there is no standard input to read keys from')
  return firstOf(keysOfLines(chunks, skipped), limit)
}

async function* allKeys(
  servers: readonly string[],
  signal: AbortSignal | undefined,
  sample: SampledServer[],
): AsyncGenerator<Key> {
  for (const server of servers) {
    let keys = 0
    for await (const key of metadumpKeys(server, { signal })) {
      keys++
      yield key
    }
    sample.push({ server: parseServer(server).label, keys, items: keys })
  }
}

async function* firstOf(keys: AsyncIterable<Key>, limit = Infinity): AsyncGenerator<Key> {
  let taken = 0
  for await (const key of keys) {
    yield key
    if (++taken >= limit) return
  }
}

function distributionsOf(
  { distributions, add = '' }: RemapFlags,
  servers: number | readonly string[],
  io: CliIo,
): readonly DistributionName[] | undefined {
  if (distributions === undefined) return undefined
  if (distributions !== 'all') return list(distributions) as DistributionName[]
  if (typeof servers === 'number') return distributionNames
  const added = countOrList(add)
  const named = typeof added === 'number' ? servers : [...servers, ...added]
  const complaints = distributionNames.map((distribution) => complaintOf(named, distribution))
  // If no distribution accepts the servers, the list is wrong: remap() then throws the error.
  if (!complaints.includes(undefined)) return distributionNames
  for (const [at, complaint] of complaints.entries()) {
    if (complaint !== undefined) io.err(`${distributionNames[at]} is left out: ${complaint}\n`)
  }
  return distributionNames.filter((_, at) => complaints[at] === undefined)
}

/**
 * Returns why a distribution rejects the servers: one needs IP addresses for host names, for
 * example.
 */
function complaintOf(
  servers: readonly string[],
  distribution: DistributionName,
): string | undefined {
  try {
    createRing(servers, { distribution })
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

function countOrList(text: string): number | string[] {
  return /^\d+$/.test(text) ? Number(text) : list(text)
}

function list(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== '')
}

function pairs<Value>(
  flags: RemapFlags,
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

function optionalNumber(flags: RemapFlags, name: TextFlag): number | undefined {
  const text = flags[name]
  return text === undefined ? undefined : numeric(name, text)
}

/** Parses seconds, or a whole number with a unit: `10m`. */
function durationMs(flags: RemapFlags, name: TextFlag): number | undefined {
  const text = flags[name]
  if (text === undefined) return undefined
  const match = /^(\d+)([smhd]?)$/.exec(text)
  if (match !== null) return Number(match[1]) * UNIT_MS[match[2]!]!
  throw new UsageError(`--${name} takes seconds, or a duration such as 10m, not '${text}'`)
}

const UNIT_MS: Readonly<Record<string, number>> = {
  '': 1_000,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** The options that take a value. */
type TextFlag = Exclude<keyof typeof options, 'sample' | 'json' | 'csv' | 'svg' | 'html' | 'help'>

/** Parses a number from 0 to 1. */
export function fraction(flags: RemapFlags, name: 'hit-ratio' | 'fail-above'): number | undefined {
  const value = optionalNumber(flags, name)
  if (value === undefined || (value >= 0 && value <= 1)) return value
  throw new UsageError(`--${name} must be from 0 to 1, not ${value}`)
}

function numeric(name: string, text: string): number {
  const value = Number(text.replaceAll('_', ''))
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new UsageError(`--${name} takes a number, not '${text}'`)
  }
  return value
}
