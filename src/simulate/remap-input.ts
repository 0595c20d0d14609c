import { createRing } from '../ring/ring.ts'
import { type ArgumentRule, badArgument, checkArguments } from './arguments.ts'
import type { RemapInput } from './remap.ts'
import { checkChangeTypes } from './remap-change.ts'

const MAX_KEYS = 1_000_000_000_000
const SERVERS_IN_ALL_TRIALS = 20_000
/** Rings that fit into memory: 160 points a server. */
const MAX_SERVERS_IN_ALL_TRIALS = 200_000

const RULES: Readonly<Record<keyof RemapInput, ArgumentRule>> = {
  servers: 'checked elsewhere',
  change: 'checked elsewhere',
  keys: 'checked elsewhere',
  keyFormat: 'checked elsewhere',
  distributions: 'checked elsewhere',
  hashes: 'checked elsewhere',
  options: 'checked elsewhere',
  trials: { min: 1, max: 100_000, isWhole: true },
  requestsPerSecond: { min: 0, max: Number.MAX_SAFE_INTEGER },
  hitRatio: { min: 0, max: 1 },
  onProgress: 'function',
  runShard: 'function',
  shards: { min: 1, max: 1024, isWhole: true },
  signal: 'checked elsewhere',
}

/** @throws MintringError MINTRING_BAD_ARGUMENT for a question that cannot be. */
export function checkRemap(input: RemapInput): void {
  checkArguments('remap', input, RULES)
  checkChangeTypes(input.change)
  const { servers, options, signal, requestsPerSecond, hitRatio } = input
  if (typeof servers !== 'number' && !Array.isArray(servers)) {
    throw bad(`servers must be a list or a number, not ${String(servers)}`)
  }
  if (options !== undefined && (typeof options !== 'object' || options === null)) {
    throw bad(`options must be an object, not ${String(options)}`)
  }
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw bad('signal must be an AbortSignal')
  }
  if ((requestsPerSecond === undefined) !== (hitRatio === undefined)) {
    throw bad('requestsPerSecond and hitRatio need each other')
  }
  checkKeys(input)
  checkPlacings(input)
}

/** How many ways the change can fall are counted. */
export function trialsFor(input: RemapInput, servers: number): number {
  const { trials, change } = input
  const isCounted = typeof change.remove === 'number' || typeof change.add === 'number'
  if (trials !== undefined && !isCounted) throw bad('trials needs a change given as a count')
  const joining = typeof change.add === 'number' ? change.add : 0
  const limit = trials ?? Math.max(2, Math.floor(SERVERS_IN_ALL_TRIALS / servers))
  const built = Math.min(limit, servers) * (servers + joining)
  if (isCounted && built > MAX_SERVERS_IN_ALL_TRIALS) {
    throw bad(`that is ${built} servers in all trials, more than ${MAX_SERVERS_IN_ALL_TRIALS}`)
  }
  return limit
}

function checkKeys({ keys, keyFormat, shards = 1 }: RemapInput): void {
  if (typeof keys === 'number' && !(Number.isInteger(keys) && keys >= 1 && keys <= MAX_KEYS)) {
    throw bad(`keys must be a whole number from 1 to ${MAX_KEYS}, or the keys, not ${keys}`)
  }
  const isMadeUp = keys === undefined || typeof keys === 'number'
  const isIterable = (name: symbol): boolean => name in Object(keys)
  const isGiven = isIterable(Symbol.iterator) || isIterable(Symbol.asyncIterator)
  if (!isMadeUp && (typeof keys === 'string' || !isGiven)) {
    throw bad('keys must be a whole number, or an iterable of keys')
  }
  if (!isMadeUp && keyFormat !== undefined) throw bad('keyFormat is for keys that are made up')
  if (!isMadeUp && shards > 1) throw bad('shards are for keys that are made up')
  if (keyFormat === undefined) return
  if (typeof keyFormat !== 'string' || keyFormat.split('%d').length !== 2) {
    throw bad(`keyFormat needs one %d: '${String(keyFormat)}'`)
  }
}

/** Unknown names are what createRing() says of them, before anything is counted. */
function checkPlacings({ distributions = ['ketama'], hashes, options }: RemapInput): void {
  const given = hashes === undefined ? { distributions } : { distributions, hashes }
  for (const [name, list] of Object.entries(given)) {
    const isList = Array.isArray(list) && list.length > 0
    if (isList && list.every((word) => typeof word === 'string')) continue
    throw bad(`${name} must be a list of one or more names, not ${String(list)}`)
  }
  for (const distribution of distributions) {
    for (const hash of hashes ?? [undefined]) {
      createRing(['10.0.0.1'], {
        ...options,
        distribution,
        ...(hash === undefined ? {} : { hash }),
      })
    }
  }
}

const bad = (why: string): Error => badArgument('remap', why)
