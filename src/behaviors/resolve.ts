import { inspect } from 'node:util'
import { defaultClusterPolicy } from '../hosts/policy.ts'
import { type CompatPreset, compat } from '../ring/compat.ts'
import { didYouMean } from '../ring/suggest.ts'
import { kindOf, nameShown, withoutSecrets } from '../secrets.ts'
import type { Behaviors, BehaviorsInput } from './behaviors.ts'
import { badBehavior, parseValue } from './check.ts'
import { checkInterplay } from './interplay.ts'
import { rowOf, rows } from './table.ts'

/** Old and new of every behavior that changed. Secrets read `[set]` or `[unset]`. */
export type BehaviorChanges = Readonly<
  Record<string, { readonly from: unknown; readonly to: unknown }>
>

const SERVERS_FIRST =
  'servers are the first argument: new MemcachedClient(servers, behaviors), or setServers(servers)'

const ONE_ARRAY = "All servers go into one array: ['a:11211', 'b:11211']"

interface Origin {
  readonly given: ReadonlySet<string>
  readonly warnings: readonly string[]
}

// Beside the object, not in it: behaviors are spread, compared and printed by users.
const origins = new WeakMap<Behaviors, Origin>()

/**
 * Fills a caller's settings up with the defaults and freezes them.
 *
 * @throws MintringError MINTRING_BAD_BEHAVIOR for an unknown name (with a did-you-mean), a wrong
 * type or range, or settings that contradict each other.
 */
export function resolveBehaviors(input: BehaviorsInput = {}): Behaviors {
  const isServer = typeof input === 'string' || typeof input === 'number'
  checkObject(input, isServer ? `. ${ONE_ARRAY}` : '')
  const settings: Record<string, unknown> = {}
  for (const row of rows) settings[row.name] = row.default
  return settle(settings, input, new Set())
}

/**
 * Changes some settings of a running client: all of them or, when one is wrong, none.
 *
 * @throws MintringError MINTRING_BAD_BEHAVIOR as resolveBehaviors, and for a setting that is fixed
 * when the client is made.
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
        `${name} is fixed when the client is made: make another client to change it`,
      )
    }
    changes[name] = { from: shown(name, current[name]), to: shown(name, next[name]) }
  }
  return { next, changes: Object.freeze(changes) }
}

/** What is odd, but not wrong, about settings: said once when a client is made or configured. */
export function warningsOf(behaviors: Behaviors): readonly string[] {
  return origins.get(behaviors)?.warnings ?? []
}

/** The settings as plain data that may be logged: secrets read `[set]`, functions `[function]`. */
function describeBehaviors(behaviors: Behaviors): Record<string, unknown> {
  const described: Record<string, unknown> = {}
  for (const row of rows) described[row.name] = shown(row.name, behaviors[row.name as never])
  return described
}

function checkObject(input: unknown, instead = ''): void {
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) return
  const example = '{ retryTimeoutMs: 30_000 }'
  throw badBehavior(`Behaviors are an object, such as ${example}, not ${kindOf(input)}${instead}`)
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
    // An explicit undefined means the default, as leaving the name out does when a client is made.
    settings[name] = value === undefined ? row.default : parseValue(row, value, settings[name])
    if (value === undefined) given.delete(name)
    else given.add(name)
  }
  if (!given.has('deadTimeoutMs')) settings.deadTimeoutMs = longestPauseMs(settings)
  // Operations read it: made in one piece, an object's fields are at fixed places.
  const behaviors = { ...settings } as unknown as Behaviors
  const warnings = checkInterplay(behaviors, given)
  hideSecrets(behaviors)
  Object.freeze(behaviors)
  origins.set(behaviors, { given, warnings })
  return behaviors
}

/** Left alone, the longest pause between probes is never shorter than the first. */
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
  const hint = didYouMean(name, names) || ' docs/behaviors.md lists all of them.'
  return badBehavior(`Unknown behavior '${nameShown(name)}'.${hint}`)
}

/** What people look for among the behaviors, without underscores and in lower case. */
const HABITS: readonly (readonly [words: readonly string[], instead: string])[] = [
  [
    ['ttl', 'defaultttl', 'expires', 'expire', 'expiration', 'lifetime', 'maxage', 'exptime'],
    'each call has its own ttl: set(key, value, { ttl: 60 })',
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
    'a client connects on first use, and again by itself; retryTimeoutMs is the first pause',
  ],
  [['auth', 'credentials', 'sasl', 'user', 'pass'], 'write { username, password }'],
  [['swr', 'grace', 'stale'], 'write { staleWhileRevalidate: 600 }, in seconds'],
]

/** `_retry_timeout` and `retry_timeout` are one name in old configurations. */
const plain = (name: string): string => name.replace(/^_/, '')

/** A secret is there for who asks for it by name, and in no log line. */
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
