import { inspect } from 'node:util'
import { insteadOfOptions, isPlain } from '../arguments.ts'
import { defaultClusterPolicy } from '../hosts/policy.ts'
import { type CompatPreset, compat } from '../ring/compat.ts'
import { didYouMean } from '../ring/suggest.ts'
import { nameShown, withoutSecrets } from '../secrets.ts'
import type { Behaviors, BehaviorsInput } from './behaviors.ts'
import { badBehavior, parseValue } from './check.ts'
import { checkInterplay } from './interplay.ts'
import { rowOf, rows } from './table.ts'

/**
 * The old and new value of each behavior that changed. Secrets are shown as `[set]` or `[unset]`.
 */
export type BehaviorChanges = Readonly<
  Record<string, { readonly from: unknown; readonly to: unknown }>
>

const SERVERS_FIRST =
  'servers are the first argument: new MemcachedClient(servers, behaviors), or setServers(servers)'

const ONE_ARRAY = "Put all servers into one array: ['a:11211', 'b:11211']"

interface Origin {
  readonly given: ReadonlySet<string>
  readonly warnings: readonly string[]
}

// A WeakMap instead of hidden fields, because users spread, compare and print behaviors.
const origins = new WeakMap<Behaviors, Origin>()

/**
 * Fills in the defaults, checks all settings, and freezes the result.
 *
 * @throws MintringError MINTRING_BAD_BEHAVIOR for an unknown name (with a suggestion), a wrong type
 * or range, or settings that contradict each other.
 */
export function resolveBehaviors(input: BehaviorsInput = {}): Behaviors {
  const isServer = typeof input === 'string' || typeof input === 'number'
  checkObject(input, isServer ? `. ${ONE_ARRAY}` : '')
  const settings: Record<string, unknown> = {}
  for (const row of rows) settings[row.name] = row.default
  return settle(settings, input, new Set())
}

/**
 * Changes settings of a running client: all of them, or none if one is invalid.
 *
 * @throws MintringError MINTRING_BAD_BEHAVIOR like resolveBehaviors(), and for a setting that
 * cannot change after the client was created.
 */
export function changeBehaviors(
  current: Behaviors,
  input: BehaviorsInput,
): { readonly next: Behaviors; readonly changes: BehaviorChanges } {
  checkObject(input)
  const next = settle({ ...current }, input, origins.get(current)?.given ?? new Set())
  const changes: Record<string, { from: unknown; to: unknown }> = {}
  for (const row of rows) {
    const name = row.name as keyof Behaviors
    if (isSame(current[name], next[name])) continue
    if (row.live === 'never') {
      throw badBehavior(
        `${name} is fixed when the client is created: create another client to change it`,
      )
    }
    changes[name] = { from: shown(name, current[name]), to: shown(name, next[name]) }
  }
  return { next, changes: Object.freeze(changes) }
}

/**
 * Returns warnings about settings that work but are probably a mistake. They are emitted when a
 * client is created or configured.
 */
export function warningsOf(behaviors: Behaviors): readonly string[] {
  return origins.get(behaviors)?.warnings ?? []
}

/**
 * Returns the settings as plain data that is safe to log: secrets become `[set]`, functions
 * `[function]`.
 */
function describeBehaviors(behaviors: Behaviors): Record<string, unknown> {
  const described: Record<string, unknown> = {}
  for (const row of rows) described[row.name] = shown(row.name, behaviors[row.name as never])
  return described
}

function checkObject(input: unknown, instead = ''): void {
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input)
  if (isObject && (Object.keys(input).length > 0 || isPlain(input))) return
  const got = insteadOfOptions(input)
  const example = '{ retryTimeoutMs: 30_000 }'
  throw badBehavior(`Behaviors must be an object, such as ${example}, not ${got}${instead}`)
}

function settle(
  settings: Record<string, unknown>,
  input: BehaviorsInput,
  givenBefore: ReadonlySet<string>,
): Behaviors {
  const given = new Set(givenBefore)
  const presets: Readonly<Record<string, CompatPreset>> = compat
  const preset = input.preset === undefined ? undefined : presets[input.preset]
  for (const [name, value] of Object.entries({ ...preset, ...input })) {
    const row = rowOf(name)
    if (row === undefined) throw unknownName(name)
    // An explicit undefined means the default, as if the name were left out.
    settings[name] = value === undefined ? row.default : parseValue(row, value, settings[name])
    if (value === undefined) given.delete(name)
    else given.add(name)
  }
  if (!given.has('deadTimeoutMs')) settings.deadTimeoutMs = longestPauseMs(settings)
  // Copied, because V8 reads the fields of an object that one expression created faster.
  const behaviors = { ...settings } as unknown as Behaviors
  const warnings = checkInterplay(behaviors, given)
  hideSecrets(behaviors)
  Object.freeze(behaviors)
  origins.set(behaviors, { given, warnings })
  return behaviors
}

/** Returns the default of deadTimeoutMs: never shorter than the first pause between probes. */
function longestPauseMs({ retryTimeoutMs }: Record<string, unknown>): number {
  return Math.max(defaultClusterPolicy.deadTimeoutMs, retryTimeoutMs as number)
}

function unknownName(name: string): Error {
  for (const row of rows) {
    for (const alias of [
      ...(row.aliases ?? []),
      ...(row.fields ?? []).flatMap((f) => f.aliases ?? []),
    ]) {
      if (plain(alias.name) !== plain(name)) continue
      return badBehavior(
        `Unknown behavior '${nameShown(name)}': that is ${alias.dialect}'s name for ${row.name}. ` +
          `Use ${row.name}, or behaviorsFrom.${alias.dialect}(…), which converts units.`,
      )
    }
  }
  const habit = HABITS.find(([words]) => words.includes(name.toLowerCase().replaceAll(/[_-]/g, '')))
  if (habit !== undefined) return badBehavior(`Unknown behavior '${nameShown(name)}': ${habit[1]}`)
  const names = rows.map((row) => row.name)
  const hint = didYouMean(name, names) || ' docs/behaviors.md lists all behaviors.'
  return badBehavior(`Unknown behavior '${nameShown(name)}'.${hint}`)
}

/**
 * Names that users look for among the behaviors, in lower case without underscores, with what to
 * use instead.
 */
const HABITS: readonly (readonly [words: readonly string[], instead: string])[] = [
  [
    ['ttl', 'defaultttl', 'expires', 'expire', 'expiration', 'lifetime', 'maxage', 'exptime'],
    'set the ttl in each call: set(key, value, { ttl: 60 })',
  ],
  [['servers', 'server', 'hosts', 'host', 'nodes', 'url', 'uri', 'port'], SERVERS_FIRST],
  [['prefix', 'keynamespace', 'cacheprefix'], "write { keyPrefix: 'app:' }"],
  [
    ['timeoutms', 'commandtimeout', 'operationtimeout', 'requesttimeout', 'sockettimeout'],
    'write { requestTimeoutMs: 500 }, in milliseconds',
  ],
  [
    ['compress', 'compression', 'gzip', 'zlib', 'compressionthreshold'],
    'write { compressAboveBytes: 2048 }',
  ],
  [
    ['maxconnections', 'maxsockets', 'pool', 'connectionlimit', 'minconnections'],
    'write { connections: { max: 4 } }',
  ],
  [
    ['reconnect', 'reconnectinterval', 'autoreconnect', 'reconnectdelay', 'lazyconnect'],
    'a client connects on first use and reconnects by itself, first after retryTimeoutMs',
  ],
  [['auth', 'credentials', 'sasl', 'user', 'pass'], 'write { username, password }'],
  [['swr', 'grace', 'stale'], 'write { staleWhileRevalidate: 600 }, in seconds'],
]

/**
 * Removes the leading underscore: old configurations write `_retry_timeout` and `retry_timeout`.
 */
const plain = (name: string): string => name.replace(/^_/, '')

/** Hides secrets from console.log and JSON. Reading one by its name still returns it. */
function hideSecrets(behaviors: Behaviors): void {
  const describe = { value: () => describeBehaviors(behaviors) }
  Object.defineProperty(behaviors, inspect.custom, describe)
  Object.defineProperty(behaviors, 'toJSON', describe)
}

function shown(name: string, value: unknown): unknown {
  if (rowOf(name)?.secret !== true || typeof value === 'boolean') return withoutSecrets(value)
  return value === undefined ? '[unset]' : '[set]'
}

function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  return names.every((name) => isSame(Reflect.get(a, name), Reflect.get(b, name)))
}
