import { MintringError } from '../errors.ts'
import { crypto } from '../runtime.ts'
import { escaped, kindOf } from '../secrets.ts'
import { distributionNames, distributions, isDistributionName } from './distributions/registry.ts'
import { isDigest } from './hashes/digests.ts'
import {
  type HashEntry,
  type HashName,
  hashEntry,
  hashNames,
  isHashName,
} from './hashes/registry.ts'
import type { DistributionName, RingOptions } from './options.ts'
import type { Distribution } from './placement.ts'
import type { ParsedServer } from './server.ts'
import { MAX_WEIGHT } from './server-text.ts'
import { didYouMean } from './suggest.ts'

type NamedHash = HashEntry & { readonly name: HashName }

/** Ring options after checks, with all defaults filled in. */
export interface Settings {
  readonly distribution: DistributionName
  readonly rules: Distribution
  readonly hash: NamedHash
  readonly pointHash: NamedHash
  readonly order: 'listed' | 'hostname' | 'name'
  readonly options: RingOptions
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws MintringError for invalid options or servers.
 */
export function settingsOf(servers: readonly ParsedServer[], options: RingOptions): Settings {
  if (servers.length === 0) {
    throw new MintringError('MINTRING_NO_SERVERS', 'A ring needs at least one server')
  }
  const { distribution = 'ketama' } = options
  if (typeof distribution !== 'string' || !isDistributionName(distribution)) {
    const name = shown(distribution)
    throw badOption(`unknown distribution '${name}'`, name, distributionNames)
  }
  const rules = distributions[distribution]()
  const hash = hashOf(options.hash === undefined ? rules.hash : options.hash, rules)
  const pointHash = options.pointHash === undefined ? hash : hashOf(options.pointHash, rules)
  checkOptions(options)
  checkWeights(servers, distribution, rules)
  if (options.duplicates !== 'allow') checkLabels(servers, rules, options)
  const order = options.serverOrder ?? rules.order ?? 'listed'
  return { distribution, rules, hash, pointHash, order, options }
}

function hashOf(name: string, rules: Distribution): NamedHash {
  const meant = rules.hashAliases?.[name] ?? name
  if (typeof meant === 'string' && isHashName(meant)) {
    if (!isDigest(meant) || crypto().getHashes().includes(meant)) return hashEntry(meant)
    throw badOption(`the OpenSSL of this Node has no digest '${meant}'`)
  }
  throw badOption(`unknown hash '${shown(name)}'`, shown(name), hashNames)
}

function checkOptions(options: RingOptions): void {
  const { hashTag, tableSize } = options
  oneOf('ejection', options.ejection, ['skip', 'rebuild'])
  oneOf('serverOrder', options.serverOrder, ['listed', 'hostname', 'name'])
  oneOf('labelFormat', options.labelFormat, ['libmemcached', 'spymemcached', 'full'])
  oneOf('duplicates', options.duplicates, ['reject', 'allow'])
  oneOf('weighted', options.weighted, [true, false])
  if (hashTag !== undefined && !(typeof hashTag === 'string' && /^[!-~]{2}$/.test(hashTag))) {
    throw badOption(`hashTag must be two characters such as '{}'`)
  }
  wholeNumber('vnodes', options.vnodes, 1, 65_536)
  wholeNumber('replicas', options.replicas, 1, 4)
  wholeNumber('tableSize', tableSize, 2, 16_777_216)
  if (tableSize !== undefined && !isPrime(tableSize)) {
    throw badOption(`tableSize ${tableSize} is not a prime`)
  }
}

function oneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (value === undefined || allowed.includes(value)) return
  const words = allowed.map(String)
  throw badOption(
    `${name} must be one of ${words.join(', ')}, not '${shown(value)}'`,
    shown(value),
    words,
  )
}

function wholeNumber(name: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return
  throw badOption(`${name} must be a whole number from ${least} to ${most}, not ${shown(value)}`)
}

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) {
    if (value % divisor === 0) return false
  }
  return true
}

function checkWeights(
  servers: readonly ParsedServer[],
  distribution: DistributionName,
  rules: Distribution,
): void {
  if (rules.weights === 'fractional') return
  for (const { label, weight } of servers) {
    if (Number.isInteger(weight)) continue
    const why = `${distribution} takes whole weights from 1 to ${MAX_WEIGHT}, not ${weight}`
    throw new MintringError('MINTRING_BAD_SERVER', `Bad server ${label}: ${why}`)
  }
}

function checkLabels(
  servers: readonly ParsedServer[],
  rules: Distribution,
  options: RingOptions,
): void {
  const seen = new Set<string>()
  for (const server of servers) {
    const label = rules.label?.(server, options) ?? server.label
    if (seen.has(label)) {
      const why = `two servers have the label '${label}' on this ring, so one would get no keys`
      throw new MintringError('MINTRING_DUPLICATE_SERVER', `Duplicate server: ${why}`)
    }
    seen.add(label)
  }
}

function shown(value: unknown): string {
  if (typeof value === 'string') return escaped(value)
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : kindOf(value)
}

/** Creates the MINTRING_BAD_BEHAVIOR error of an invalid ring option. */
export function badOption(
  why: string,
  word?: string,
  known: readonly string[] = [],
): MintringError {
  const hint = word === undefined ? '' : didYouMean(word, known)
  const list = hint === '' && known.length > 0 ? ` Known: ${known.join(', ')}.` : hint
  return new MintringError('MINTRING_BAD_BEHAVIOR', `Bad ring option: ${why}.${list}`)
}
