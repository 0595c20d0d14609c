import { badArgument } from '../arguments.ts'
import { MintringError } from '../errors.ts'
import type { RingServer } from '../ring/server.ts'
import { didYouMean } from '../ring/suggest.ts'
import { kindOf, nameShown } from '../secrets.ts'
import type { BehaviorsInput } from './behaviors.ts'
import { badBehavior, expectation } from './check.ts'
import type { Row } from './row.ts'
import { envName, rows } from './table.ts'

/** The environment: `process.env`, or an object with the same shape. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The servers and behaviors in an environment. */
export interface EnvironmentSettings {
  readonly servers: string | readonly RingServer[]
  readonly behaviors: BehaviorsInput
}

/** The variables that may name servers, in this order. The first that is set is used. */
const SOURCES: readonly (readonly [servers: string, credentials: string | undefined])[] = [
  ['MINTRING_URL', undefined],
  ['MEMCACHED_URL', undefined],
  ['MEMCACHED_SERVERS', 'MEMCACHED'],
  ['MEMCACHIER_SERVERS', 'MEMCACHIER'],
  ['MEMCACHEDCLOUD_SERVERS', 'MEMCACHEDCLOUD'],
  ['MEMCACHE_SERVERS', 'MEMCACHE'],
]

/** Variables with mintring's prefix that are not behaviors. */
const RESERVED: ReadonlySet<string> = new Set([
  'MINTRING_URL',
  'MINTRING_VECTORS',
  'MINTRING_NO_INSTALL',
  'MINTRING_REQUIRE_MEMCACHED',
])

/** The behaviors that an environment variable can set, by the name of the variable. */
const readable: ReadonlyMap<string, { readonly row: Row; readonly field?: Row }> = new Map(
  rows.flatMap((row) => [
    ...(canBeText(row) ? [[envName(row), { row }] as const] : []),
    ...(row.fields ?? []).map((field) => [envName(row, field), { row, field }] as const),
  ]),
)

/**
 * Reads servers, credentials and behaviors from the environment: `MINTRING_URL`, `MEMCACHED_URL`,
 * `MEMCACHED_SERVERS`, `MEMCACHIER_SERVERS`, `MEMCACHEDCLOUD_SERVERS`, `MEMCACHE_SERVERS` (each
 * with its `…_USERNAME` and `…_PASSWORD`), Cloud Foundry's `VCAP_SERVICES`, and `MINTRING_…` for
 * every behavior.
 *
 * @throws MintringError MINTRING_NO_SERVERS if no variable names servers, MINTRING_BAD_BEHAVIOR for
 * an invalid value, MINTRING_BAD_ARGUMENT if the environment is not an object.
 */
export function fromEnvironment(env: Environment): EnvironmentSettings {
  if (typeof env !== 'object' || env === null) {
    throw badArgument(`fromEnv() takes an object such as process.env, not ${kindOf(env)}`)
  }
  const behaviors = behaviorsOf(env)
  for (const [name, credentials] of SOURCES) {
    const servers = env[name]?.trim()
    if (servers === undefined || servers === '') continue
    return { servers, behaviors: { ...credentialsOf(env, credentials), ...behaviors } }
  }
  const bound = cloudFoundryService(env.VCAP_SERVICES)
  if (bound !== undefined) {
    return { servers: bound.servers, behaviors: { ...bound.behaviors, ...behaviors } }
  }
  throw new MintringError(
    'MINTRING_NO_SERVERS',
    `No servers in the environment: set ${SOURCES.map(([name]) => name).join(', ')} ` +
      'or bind a service in VCAP_SERVICES',
  )
}

function credentialsOf(env: Environment, prefix: string | undefined): BehaviorsInput {
  const username = prefix === undefined ? undefined : env[`${prefix}_USERNAME`]
  const password = prefix === undefined ? undefined : env[`${prefix}_PASSWORD`]
  return username === undefined || password === undefined ? {} : { username, password }
}

function behaviorsOf(env: Environment): BehaviorsInput {
  const read: Record<string, unknown> = {}
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('MINTRING_') || RESERVED.has(name) || text === undefined) continue
    const found = readable.get(name)
    if (found === undefined) {
      process.emitWarning(ignored(name), 'MintringWarning')
      continue
    }
    const { row, field } = found
    const value = valueOfText(name, field ?? row, text.trim())
    if (field === undefined) read[row.name] = value
    else read[row.name] = { ...(read[row.name] as object | undefined), [field.name]: value }
  }
  return read
}

function ignored(name: string): string {
  const row = rows.find((one) => envName(one) === name)
  if (row !== undefined) {
    return `${name} is ignored: text cannot express ${row.name}. Pass it as a behavior, in code.`
  }
  const likely = didYouMean(name, [...readable.keys()])
  return `${nameShown(name)} is not a behavior and is ignored.${likely}`
}

/** Returns whether text can express a behavior: words, numbers and switches. */
export function canBeText(row: Row): boolean {
  const isPlain = row.type !== 'object' || row.choices !== undefined || row.ofText !== undefined
  return isPlain || typeof row.default === 'boolean'
}

/**
 * Parses a behavior's value from text. resolveBehaviors() checks its range later.
 *
 * @throws MintringError MINTRING_BAD_BEHAVIOR whose message begins with `name`.
 */
export function valueOfText(name: string, row: Row, text: string): unknown {
  if (row.ofText !== undefined) return row.ofText(text)
  if (row.type === 'boolean' || typeof row.default === 'boolean') {
    const isOn = /^(true|1|on|yes)$/i.test(text)
    if (isOn && row.type !== 'seconds') return true
    if (/^(false|0|off|no)$/i.test(text)) return false
    if (row.type !== 'seconds') throw badBehavior(`${name} takes true or false`)
  }
  if (row.type === 'integer' || row.type === 'number' || row.type === 'seconds') {
    const number = text === '' ? Number.NaN : Number(text)
    if (!Number.isNaN(number)) return number
    // Durations are parsed later, with those given in code.
    if (row.type === 'seconds') return text
    throw badBehavior(`${name} takes ${expectation(row)}`)
  }
  return text
}

/** Matches the label, name or tag of a memcached service: `memcachier`, `memcachedcloud`, … */
const MEMCACHED_SERVICE = /memcach/i

/** Returns the first bound memcached service that has an address. */
function cloudFoundryService(text: string | undefined): EnvironmentSettings | undefined {
  if (text === undefined) return undefined
  for (const [label, bindings] of Object.entries(jsonObject(text))) {
    for (const binding of Array.isArray(bindings) ? bindings : []) {
      const { name, tags, credentials } = objectOf(binding)
      const words = [label, name, ...(Array.isArray(tags) ? tags : [])].join(' ')
      if (!MEMCACHED_SERVICE.test(words)) continue
      const { username, password, ...rest } = objectOf(credentials)
      const servers = serversOf(rest)
      if (servers === undefined) continue
      const isKnown = typeof username === 'string' && typeof password === 'string'
      return { servers, behaviors: isKnown ? { username, password } : {} }
    }
  }
  return undefined
}

/** Returns the servers of a service: it may have a list of servers, a URI, or a host and a port. */
function serversOf(credentials: Record<string, unknown>): string | readonly string[] | undefined {
  const { servers, uri, host = credentials.hostname, port } = credentials
  if (Array.isArray(servers) && servers.length > 0) return servers.map(String)
  for (const found of [servers, uri]) {
    if (typeof found === 'string' && found.trim() !== '') return found
  }
  if (typeof host !== 'string' || host === '') return undefined
  return port === undefined ? host : `${host}:${String(port)}`
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function jsonObject(text: string): Record<string, unknown> {
  try {
    const read: unknown = JSON.parse(text)
    if (typeof read === 'object' && read !== null) return read as Record<string, unknown>
  } catch {
    // The text and the parser's error, which quotes it, may contain credentials: show neither.
  }
  throw badBehavior('VCAP_SERVICES is not a JSON object as Cloud Foundry writes it')
}
