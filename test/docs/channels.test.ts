import assert from 'node:assert/strict'
import { channel, subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import ts from 'typescript'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { root } from '../house/sources.ts'
import { until } from '../support/test-cluster.ts'

/**
 * The messages as subscribers know them: field and type. Within a major version a row may be added,
 * but none may be changed or removed.
 */
const STABLE = {
  'mintring:command': `command string, client string, key string, host string, serverAddress string,
    serverPort number, state string, bytes number, attempts number, durationMs number,
    outcome string, error object`,
  'mintring:batch': `command string, client string, batchSize number, keys array, hits number,
    failed number, attempts number, bytes number, durationMs number, outcome string, error object`,
  'mintring:connect': `host string, client string, serverAddress string, serverPort number,
    tls boolean, durationMs number, outcome string, error object`,
  'mintring:eject': `host string, client string, address string, failures number, reason string,
    nextProbeAtMs number`,
  'mintring:probe': `host string, client string, address string, ok boolean, reason string,
    nextProbeAtMs number`,
  'mintring:return': 'host string, client string, address string, ejectedForMs number',
  'mintring:slow': `host string, client string, address string, isSlow boolean, replyMs number,
    peersMs number`,
  'mintring:refill': `event string, client string, host string, key string, tookMs number,
    staleForSeconds number, staleBecause string, reason string`,
  'mintring:handover': `phase string, client string, fromServers array, toServers array,
    endsAtMs number, copied number, absent number`,
  'mintring:configure': 'client string, changes object',
}

const stable = new Map(
  Object.entries(STABLE).map(([name, rows]) => [
    name,
    new Map(rows.split(/,\s+/).map((row) => row.split(' ') as [string, string])),
  ]),
)

/** A field of a message, and whether it is optional. */
interface Field {
  readonly name: string
  readonly isOptional: boolean
}

const ROW = /^\| `(?:tracing:)?(mintring:\w+)(?::\*)?` \| [^`]*`\{ ([^}]*) \}`/gm

/** The table of docs/observability.md: channel to fields. */
const documented = new Map(
  [...readFileSync(join(root, 'docs/observability.md'), 'utf8').matchAll(ROW)].map(
    ([, name, fields]) => [
      name!,
      fields!.split(', ').map((field): Field => {
        return { name: field.replace('?', ''), isOptional: field.endsWith('?') }
      }),
    ],
  ),
)

/** The fields of the message types that the package exports. */
function declared(): Map<string, string[]> {
  const text = readFileSync(join(root, 'src/channels.ts'), 'utf8')
  const file = ts.createSourceFile('channels.ts', text, ts.ScriptTarget.ES2023)
  const found = new Map<string, string[]>()
  for (const statement of file.statements) {
    if (!ts.isInterfaceDeclaration(statement)) continue
    const [, name] = /^(\w+)Message$/.exec(statement.name.text) ?? []
    if (name === undefined) continue
    const fields = statement.members.map((member) => member.name?.getText(file) ?? '')
    found.set(`mintring:${name.toLowerCase()}`, fields)
  }
  return found
}

const TRACED = ['mintring:command', 'mintring:batch', 'mintring:connect']

/**
 * Returns the messages of every channel during some operations, an outage and a change of settings.
 * Of a tracing channel it returns the last message of each trace.
 */
async function published(): Promise<Map<string, object[]>> {
  const messages = new Map<string, object[]>()
  const listeners = [...documented.keys()].map((name) => {
    const listener = (message: unknown): void => {
      messages.set(name, [...(messages.get(name) ?? []), { ...(message as object) }])
    }
    const heard = TRACED.includes(name) ? tracingChannel(name).asyncEnd : channel(name)
    subscribe(heard.name, listener)
    return () => unsubscribe(heard.name, listener)
  })
  const server = await startServer()
  const cache = new MemcachedClient(server.address, {
    serverFailureLimit: 1,
    ejectLoneHost: true,
    retryTimeoutMs: 20,
    requestTimeoutMs: 10_000,
    traceKeys: true,
  })
  await cache.set('a', 'value')
  await cache.setMany({ a: 1, b: 2 })
  await cache.getMany(['a', 'b', 'c'])
  await cache.getOrSet('loaded', async () => 'value', { ttl: 60 })
  await cache.configure({ requestTimeoutMs: 9_000 })
  const port = server.port
  await server.close()
  await cache.get('a').catch(() => {})
  await until(() => messages.has('mintring:probe'))
  const again = await startServer({ port })
  await until(() => messages.has('mintring:return'))
  const other = await startServer()
  const announced = { handover: '2s', announce: '1s' } as const
  cache.setServers([again.address, other.address], announced)
  await until(() => messages.has('mintring:handover'))
  await cache.close()
  await Promise.all([again.close(), other.close()])
  for (const stop of listeners) stop()
  return messages
}

function typeOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value
}

describe('the published messages of diagnostics channels', () => {
  test('still have every channel and every field that an earlier version had', () => {
    const fields = declared()
    for (const [name, known] of stable) {
      const now = fields.get(name) ?? []
      const lost = [...known.keys()].filter((field) => !now.includes(field))
      assert.deepEqual(lost, [], name)
    }
  })

  test('are published with the known type in each field', async () => {
    const seen = new Set<string>()
    for (const [name, messages] of await published()) {
      for (const [field, value] of messages.flatMap((message) => Object.entries(message))) {
        if (value === undefined) continue
        seen.add(`${name} ${field}`)
        const expected = stable.get(name)?.get(field)
        assert.equal(typeOf(value), expected, `${name} ${field}: add new fields to STABLE`)
      }
    }
    assert.ok(seen.size > 50, `${seen.size} fields were published: ${[...seen]}`)
  })
})

describe('the table of channels in docs/observability.md', () => {
  test('has exactly the fields of the exported types', () => {
    const inDocs = [...documented].map(([name, fields]) => [name, fields.map(({ name }) => name)])
    const sorted = (entries: Iterable<readonly [string, string[]]>) =>
      Object.fromEntries([...entries].map(([name, fields]) => [name, [...fields].sort()]))
    assert.deepEqual(sorted(inDocs as [string, string[]][]), sorted(declared()))
  })

  test('has exactly the fields that are published, and marks the optional ones', async () => {
    const messages = await published()
    for (const [name, fields] of documented) {
      // A host must be slow for seconds first: test/hosts/speed.test.ts tests it in virtual time.
      if (name === 'mintring:slow') continue
      const all = messages.get(name) ?? []
      assert.ok(all.length > 0, `${name} was silent`)
      for (const message of all) {
        const said = Object.keys(message).filter((key) => Reflect.get(message, key) !== undefined)
        const known = fields.map((field) => field.name)
        assert.deepEqual(
          said.filter((key) => !known.includes(key)),
          [],
          `${name} says more than documented`,
        )
        const needed = fields.filter(({ isOptional }) => !isOptional).map((field) => field.name)
        assert.deepEqual(
          needed.filter((key) => !said.includes(key)),
          [],
          `${name} says less than documented: ${JSON.stringify(message)}`,
        )
      }
    }
  })
})
