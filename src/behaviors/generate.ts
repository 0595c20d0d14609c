import { expectation } from './check.ts'
import { canBeText } from './env.ts'
import type { Alias, Row } from './row.ts'
import { envName, sections } from './table.ts'

const DIALECTS: Readonly<Record<Alias['dialect'], string>> = {
  pylibmc: 'pylibmc',
  libmemcached: 'libmemcached string',
  twemproxy: 'twemproxy',
  memcached: 'npm memcached',
}

const TYPE_HEADER = `// Made from the table of rows by scripts/docs-behaviors.mjs.
import type { ConnectionOptions } from 'node:tls'
import type { Failover } from '../hosts/policy.ts'
import type { LaneBounds } from '../net/lanes.ts'
import type { Seconds } from '../refill/policy.ts'
import type { compat } from '../ring/compat.ts'
import type { HashName } from '../ring/hashes/registry.ts'
import type { DistributionName } from '../ring/options.ts'
import type { Discovery, Previous, Serializer } from './types.ts'
`

const DURATION_HEADER = `/** The behaviors that are lifetimes. They also accept '5m'. */
export type DurationName =`

const TYPE_FOOTER = `/** The settings to pass. Lifetimes may be durations, such as '5m'. */
export type BehaviorsInput = {
  readonly [Name in keyof Behaviors]?:
    | (Name extends DurationName ? Behaviors[Name] | Seconds : never)
    | (Name extends 'connections' ? Partial<LaneBounds> : Behaviors[Name])
    | undefined
}
`

/** Returns the text of src/behaviors/behaviors.ts. */
export function behaviorsType(): string {
  const rows = sections.flatMap((section) => section.rows)
  const durations = rows.filter((row) => row.type === 'seconds').map((row) => `  | '${row.name}'`)
  const fields = rows.map((row) => `${comment(row)}\n  readonly ${row.name}: ${typeOf(row)}`)
  return [
    TYPE_HEADER,
    '/** The settings of a client, with all defaults filled in. See docs/behaviors.md. */',
    `export interface Behaviors {\n${fields.join('\n')}\n}\n`,
    `${DURATION_HEADER}\n${durations.join('\n')}\n`,
    TYPE_FOOTER,
  ].join('\n')
}

/** Returns the text of docs/behaviors.md. */
export function behaviorsPage(): string {
  return [
    PAGE_HEADER,
    ...sections.map((section) =>
      [`## ${section.title}\n`, ...section.rows.flatMap((row) => entries(row))].join('\n'),
    ),
  ].join('\n')
}

const PAGE_HEADER = `# Behaviors

The settings of a client. Pass them to the constructor, change them on a running client with
\`configure()\`, and read them from \`client.behaviors\`:

\`\`\`ts
import { MemcachedClient } from 'mintring'

const servers = ['127.0.0.1:11211', '127.0.0.1:11212']
const cache = new MemcachedClient(servers, { serverFailureLimit: 2, retryTimeoutMs: 30_000 })
cache.configure({ autoEjectHosts: false })
console.log(cache.behaviors.autoEjectHosts)
await cache.close()
\`\`\`

Names end in their unit: \`…Ms\` is milliseconds, \`…Bytes\` is bytes. Lifetimes are whole seconds,
or a duration such as \`'5m'\`. An unknown name, or a value of the wrong type or range, rejects with
\`MINTRING_BAD_BEHAVIOR\` before any connection is opened. A running client then keeps its settings.

*Changes* says when a change by \`configure()\` takes effect: *live* with the next operation, *new
connections* with the next connection (open ones do not change), *fixed* never: create a new
client. *Elsewhere* lists the names of other clients, which \`behaviorsFrom\` converts from their
units. \`MemcachedClient.fromEnv()\` reads the names in capitals.

\`configure()\` changes everything you pass or, if one value is wrong, nothing. Pending operations
keep the settings they began with, and connections stay open. The event \`configure\` reports what
changed.

The same table in the terminal: \`npx mintring behaviors\`.

## Settings of other clients

\`\`\`ts
import { behaviorsFrom, MemcachedClient } from 'mintring'

const disqus = { ketama: true, _auto_eject_hosts: true, _retry_timeout: 30 }
const cache = new MemcachedClient('127.0.0.1:11211', behaviorsFrom.pylibmc(disqus))
await cache.close()

const { servers, warnings } = behaviorsFrom.libmemcached(
  '--SERVER=10.0.0.1 --SERVER=10.0.0.2/?2 --DISTRIBUTION=consistent --NOREPLY',
)
console.log(servers?.length, warnings.length)
\`\`\`

\`\`\`text output
2 1
\`\`\`

| from | takes |
| --- | --- |
| \`behaviorsFrom.pylibmc(behaviors)\` | pylibmc's dictionary, old names with an underscore too |
| \`behaviorsFrom.libmemcached(text)\` | a configuration string: what its own parser takes |
| \`behaviorsFrom.twemproxy(pool)\` | a pool of nutcracker.yml, read as an object |
| \`behaviorsFrom.memcached(options)\` | the options of the npm package \`memcached\` |

Keys are placed as the other client does, so that both find them: pylibmc without \`ketama\` means
\`modula\`. All other settings that are left out keep mintring's default. A setting without an
equivalent is listed in \`warnings\` and emitted as a process warning. A setting without which keys
would go to other hosts throws.

Set \`valueFlags\` to read the values that the other client wrote.

## The environment

\`MemcachedClient.fromEnv()\` reads the servers from the first of these variables that is set, with
the user name and password next to it:

| servers | user name and password |
| --- | --- |
| \`MINTRING_URL\`, \`MEMCACHED_URL\` | in the URL |
| \`MEMCACHED_SERVERS\` | \`MEMCACHED_USERNAME\`, \`MEMCACHED_PASSWORD\` |
| \`MEMCACHIER_SERVERS\` | \`MEMCACHIER_USERNAME\`, \`MEMCACHIER_PASSWORD\` |
| \`MEMCACHEDCLOUD_SERVERS\` | \`MEMCACHEDCLOUD_USERNAME\`, \`MEMCACHEDCLOUD_PASSWORD\` |
| \`MEMCACHE_SERVERS\` | \`MEMCACHE_USERNAME\`, \`MEMCACHE_PASSWORD\` |
| \`VCAP_SERVICES\` (Cloud Foundry) | in the bound service |

<!-- Made from the table in src/behaviors by scripts/docs-behaviors.mjs. -->
`

function entries(row: Row): string[] {
  return [entry(row), ...(row.fields ?? []).map((field) => entry(field, row))]
}

function entry(row: Row, parent?: Row): string {
  const name = parent === undefined ? row.name : `${parent.name}.${row.name}`
  const env = parent === undefined ? envName(row) : envName(parent, row)
  const facts = [
    `- Takes: ${takes(row)}`,
    `- Default: ${shownDefault(row)}`,
    `- Changes: ${CHANGES[row.live]}`,
  ]
  if (canBeText(row)) facts.push(`- Environment: \`${env}\``)
  const aliases = (row.aliases ?? []).map(elsewhere)
  if (aliases.length > 0) facts.push(`- Elsewhere: ${aliases.join('; ')}`)
  return `### \`${name}\`\n\n${row.doc}\n\n${facts.join('\n')}\n`
}

const CHANGES: Readonly<Record<Row['live'], string>> = {
  now: 'live',
  newConnections: 'new connections',
  never: 'fixed',
}

function elsewhere(alias: Alias): string {
  const unit = alias.unit === undefined || alias.unit === 'flag' ? '' : ` (${alias.unit})`
  return `${DIALECTS[alias.dialect]} \`${alias.name}\`${unit}`
}

function takes(row: Row): string {
  if (row.typeText !== undefined && row.type !== 'choice') return `\`${row.typeText}\``
  return expectation(row).replaceAll(/'([^']*)'/g, '`$1`')
}

function shownDefault(row: Row): string {
  if (row.default === undefined) return 'unset'
  return `\`${typeof row.default === 'object' ? objectText(row.default) : String(row.default)}\``
}

function objectText(value: unknown): string {
  const fields = Object.entries(value as object).map(([name, held]) => `${name}: ${String(held)}`)
  return `{ ${fields.join(', ')} }`
}

/** Formats a row's text as a docstring of at most 100 columns. */
function comment(row: Row): string {
  const lines: string[] = []
  let line = ''
  for (const word of `${row.doc} Default: ${shownDefault(row)}.`.split(' ')) {
    if (line.length + word.length > 90) {
      lines.push(line)
      line = ''
    }
    line += line === '' ? word : ` ${word}`
  }
  lines.push(line)
  if (lines.length === 1) return `  /** ${line} */`
  return `  /**\n${lines.map((text) => `   * ${text}`).join('\n')}\n   */`
}

function typeOf(row: Row): string {
  const optional = row.default === undefined ? ' | undefined' : ''
  return row.typeText ?? `${plainType(row)}${optional}`
}

function plainType(row: Row): string {
  if (row.type === 'choice') return (row.choices ?? []).map((word) => `'${word}'`).join(' | ')
  return row.type === 'integer' || row.type === 'seconds' ? 'number' : row.type
}
