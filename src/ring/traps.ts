import { emitWarning } from 'node:process'
import type { DistributionName } from './options.ts'
import type { ParsedServer } from './server.ts'
import type { Settings } from './settings.ts'

const WIDE_RINGS: ReadonlySet<DistributionName> = new Set([
  'ketama',
  'twemproxy',
  'hashring',
  'nginx',
  'cacheMemcachedFast',
  'dalli',
])
const MODULAS: ReadonlySet<DistributionName> = new Set([
  'modula',
  'modulaWeighted',
  'twemproxyModula',
  'nginxHash',
])
// The low 32 bits of FNV's 64-bit prime are 435 = 3 · 5 · 29, so hashes hardly vary modulo these.
const FNV64_DIVISORS = [3, 5, 29]

const warned = new Set<string>()
/** How many warnings are remembered: they name servers, and servers come and go. */
const MAX_WARNED = 1000
const MAX_NAMED = 3

/**
 * Emits a warning for each known problem of these settings, once per process, and returns them all.
 * `sharesOf` returns each server's fraction of the keys, if that follows from the weights.
 */
export function warnOfTraps(
  settings: Settings,
  servers: readonly ParsedServer[],
  sharesOf?: () => readonly number[],
): readonly string[] {
  const traps = [...trapsOf(settings, servers), ...weightTraps(settings, servers, sharesOf)]
  for (const trap of traps) {
    if (warned.has(trap) || warned.size >= MAX_WARNED) continue
    warned.add(trap)
    emitWarning(trap, { type: 'MintringWarning', code: 'MINTRING_RING_TRAP' })
  }
  return Object.freeze(traps)
}

function trapsOf(settings: Settings, servers: readonly ParsedServer[]): string[] {
  const traps: string[] = []
  const { distribution, hash } = settings
  if (servers.length === 1) return traps
  if (hash.bits < 32 && WIDE_RINGS.has(distribution)) {
    traps.push(
      `hash '${hash.name}' has only ${hash.bits} bits, ${distribution} points have 32: nearly ` +
        `all keys go to one server (2,048 of 2,048 measured). Use 'md5', or 'crc32a' for the ` +
        `full CRC-32.`,
    )
  }
  if (hash.name === 'fnv1a_64' && MODULAS.has(distribution)) {
    const slots = distribution === 'modula' ? servers.length : totalWeight(servers)
    const divisor = FNV64_DIVISORS.find((candidate) => slots % candidate === 0)
    if (divisor !== undefined) {
      traps.push(
        `hash 'fnv1a_64' with ${distribution} over ${slots} slots is skewed, because ${slots} is ` +
          `divisible by ${divisor}: on 3 servers, key:0 to key:1799 fall 90 / 0 / 1,710. ` +
          `Use another hash.`,
      )
    }
  }
  if (/^fnv/i.test(hash.name) && distribution === 'ketamaUnweighted') {
    traps.push(
      `a ${distribution} ring made with '${hash.name}' is skewed: the busiest of 10 servers has ` +
        `1.6 to 2.65 times the mean. Use 'md5', or the weighted 'ketama'.`,
    )
  }
  if (hash.name === 'NATIVE_HASH' && distribution === 'spymemcached') {
    traps.push(
      `a spymemcached ring made with 'NATIVE_HASH' is skewed: the busiest of 5 servers has 3.6 ` +
        `times the mean. Use 'md5' (KETAMA_HASH).`,
    )
  }
  return traps
}

function weightTraps(
  { distribution, rules, options }: Settings,
  servers: readonly ParsedServer[],
  sharesOf: (() => readonly number[]) | undefined,
): string[] {
  if (servers.every(({ weight }) => weight === servers[0]!.weight)) return []
  if (rules.weights === 'ignored' && options.weighted !== true) {
    return [`${distribution} ignores weights: every server gets an equal share.`]
  }
  const shares = sharesOf?.() ?? []
  const keyless = servers.filter((_, index) => shares[index] === 0)
  if (keyless.length === 0) return []
  const named = keyless.slice(0, MAX_NAMED).map(({ label, weight }) => `${label} (${weight})`)
  const others = keyless.length > MAX_NAMED ? ` and ${keyless.length - MAX_NAMED} more` : ''
  return [
    `some weights are so small that these servers get no keys on a ${distribution} ring: ` +
      `${named.join(', ')}${others}. Raise these weights, or remove the servers.`,
  ]
}

function totalWeight(servers: readonly ParsedServer[]): number {
  return servers.reduce((sum, server) => sum + server.weight, 0)
}
