import { isIP } from 'node:net'
import { parseServers } from '../hosts/address.ts'
import { didYouMean } from '../ring/suggest.ts'
import { kindOf, nameShown } from '../secrets.ts'

/** The shortest and longest interval of a discovery. */
const MIN_INTERVAL_MS = 100
const MAX_INTERVAL_MS = 86_400_000

const DISCOVERY_FIELDS = ['endpoint', 'dns', 'servers', 'intervalMs', 'timeoutMs', 'port'] as const

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Returns what is wrong with a `failover`: a word, or an object with stand-by servers. */
export function checkFailover(value: unknown): string | undefined {
  if (!isObject(value)) return "takes 'rehash', 'miss', 'error' or { gutter: servers, ttl }"
  const strange = Object.keys(value).find((key) => key !== 'gutter' && key !== 'ttl')
  if (strange !== undefined)
    return `has no field '${nameShown(strange)}': its fields are gutter and ttl`
  if (!Number.isInteger(value.ttl) || (value.ttl as number) < 1) {
    return 'needs a gutter ttl of at least 1 whole second: values must expire there'
  }
  parseServers(value.gutter as string)
  return undefined
}

/** Returns what is wrong with a value of `serializer`, or undefined. */
export function checkSerializer(value: unknown): string | undefined {
  if (
    isObject(value) &&
    typeof value.serialize === 'function' &&
    typeof value.deserialize === 'function'
  ) {
    return undefined
  }
  return 'takes { serialize(value), deserialize(bytes) }'
}

const PREVIOUS_FIELDS = [
  'servers',
  'preset',
  'distribution',
  'hash',
  'hashTag',
  'weighted',
  'serverOrder',
  'pointHash',
  'labelFormat',
  'vnodes',
  'replicas',
  'tableSize',
  'ejection',
  'autoEjectHosts',
  'duplicates',
  'keyPrefix',
  'hashWithPrefixKey',
  'valueFlags',
  'username',
  'password',
] as const

const CREDENTIALS = [
  ['username', 'password'],
  ['password', 'username'],
] as const

/**
 * Returns what is wrong with a value of `previous`. The behaviors in it are checked later, like the
 * client's own.
 */
export function checkPrevious(value: unknown): string | undefined {
  if (!isObject(value)) return `takes { servers } and what has changed, not ${kindOf(value)}`
  const strange = Object.keys(value).find((name) => !PREVIOUS_FIELDS.includes(name as never))
  if (strange !== undefined) {
    const hint = didYouMean(strange, PREVIOUS_FIELDS)
    const rest = 'it takes only the settings that decide on which host a key is'
    return `has no field '${nameShown(strange)}'${hint === '' ? `: ${rest}` : `.${hint}`}`
  }
  if (value.servers === undefined) return 'needs the servers before the change: { servers }'
  parseServers(value.servers as string)
  for (const name of ['username', 'password', 'valueFlags']) {
    const given = value[name]
    if (given !== undefined && typeof given !== 'string') {
      return `takes a string as ${name}, not ${kindOf(given)}`
    }
  }
  for (const [one, other] of CREDENTIALS) {
    if (value[one] !== undefined && value[other] === undefined) {
      return `has a ${one} without a ${other}: set both`
    }
  }
  return undefined
}

/** Returns what is wrong with a value of `discovery`, or undefined. */
export function checkDiscovery(value: unknown): string | undefined {
  if (!isObject(value)) return 'takes { endpoint }, { dns } or { servers }, with intervalMs'
  const { endpoint, dns, servers, intervalMs, timeoutMs, port, ...others } = value
  const strange = Object.keys(others)[0]
  if (strange !== undefined) {
    return `has no field '${nameShown(strange)}'.${didYouMean(strange, DISCOVERY_FIELDS)}`
  }
  if ([endpoint, dns, servers].filter((source) => source !== undefined).length !== 1) {
    return 'takes exactly one of endpoint, dns and servers'
  }
  if (endpoint !== undefined) parseServers(endpoint as string)
  if (dns !== undefined && !isHostName(dns)) {
    return "needs a host name in dns, such as 'cache.internal': no scheme, port or password"
  }
  if (servers !== undefined && typeof servers !== 'function') return 'needs a function in servers'
  if (port !== undefined && (dns === undefined || !isBetween(port, 1, 65_535))) {
    return 'takes a port from 1 to 65535, and only together with dns'
  }
  if (intervalMs !== undefined && !isBetween(intervalMs, MIN_INTERVAL_MS, MAX_INTERVAL_MS)) {
    return `takes an intervalMs from ${MIN_INTERVAL_MS} to ${MAX_INTERVAL_MS}`
  }
  if (timeoutMs !== undefined && !isBetween(timeoutMs, 1, MAX_INTERVAL_MS)) {
    return `takes a timeoutMs from 1 to ${MAX_INTERVAL_MS}`
  }
  return undefined
}

/** Whether it is a name or an IP address. The error does not show it: it may hold a password. */
function isHostName(value: unknown): boolean {
  return typeof value === 'string' && (/^[\p{L}\p{N}_.-]+$/u.test(value) || isIP(value) > 0)
}

function isBetween(value: unknown, min: number, max: number): boolean {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
}
