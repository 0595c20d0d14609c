import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import * as otel from '@opentelemetry/api'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { MemcachedClient } from '../../src/client/client.ts'
import { type ClientEvents, EVENT_NAMES } from '../../src/client/events.ts'
import { startServer } from '../../src/embedded/server.ts'
import { Metrics } from '../../src/integrations/metrics.ts'
import { instrument } from '../../src/integrations/otel.ts'

/** Part of every key, tag and value in this file. */
const SECRET = 'hunter2'
const LONG = `${SECRET}-`.repeat(40)
const POLICY = { ttl: 60, staleWhileRevalidate: 60 } as const

/** Everything observers receive, in full depth: messages, stacks and causes of errors too. */
function hearAll(context: TestContext, clients: readonly MemcachedClient[]): Map<string, string> {
  const told = new Map<string, string>()
  let count = 0
  const hear = (where: string) => (message: unknown) => {
    told.set(`${where} #${count++}`, inspect(message, { depth: 12, showHidden: true }))
  }
  const ends: (() => void)[] = []
  const subscribe = (name: string): void => {
    const listener = hear(name)
    channel(name).subscribe(listener)
    ends.push(() => channel(name).unsubscribe(listener))
  }
  for (const name of ['command', 'batch', 'connect']) {
    for (const moment of ['start', 'end', 'asyncStart', 'asyncEnd', 'error']) {
      subscribe(`tracing:mintring:${name}:${moment}`)
    }
  }
  const plain = ['eject', 'probe', 'return', 'slow', 'refill', 'handover', 'configure']
  for (const name of plain) subscribe(`mintring:${name}`)
  for (const client of clients) {
    for (const name of EVENT_NAMES as ReadonlySet<keyof ClientEvents>) {
      client.on(name, hear(`event ${name}`))
    }
  }
  const warned = hear('process warning')
  process.on('warning', warned)
  context.after(() => {
    for (const end of ends) end()
    process.off('warning', warned)
  })
  return told
}

type Call = (cache: MemcachedClient, key: string) => unknown

const fail = (key: string) => (): never => {
  throw new TypeError(`no ${key}`, { cause: new Error(key) })
}
const load = (): string => SECRET
const large = (): string => SECRET.repeat(300_000)

/** Every verb, in success and in every kind of failure, in the client or at the server. */
const CALLS: readonly Call[] = [
  (c, key) => c.set(key, SECRET),
  (c, key) => c.get(key),
  (c, key) => c.gets(key),
  (c, key) => c.gat(key, 60),
  (c, key) => c.touch(key, 60),
  (c, key) => c.add(key, SECRET),
  (c, key) => c.replace(key, SECRET),
  (c, key) => c.append(key, SECRET),
  (c, key) => c.prepend(key, SECRET),
  (c, key) => c.cas(key, SECRET, 1n),
  (c, key) => c.incr(key, 1, { initial: 1 }),
  (c, key) => c.set(key, large()),
  (c, key) => c.set(key, () => {}),
  (c, key) => c.getMany([key, `${key}2`]),
  (c, key) => c.getManyDetailed([key]),
  (c, key) => c.setMany({ [key]: SECRET, other: large() }),
  (c, key) => c.setMany({ [key]: () => {} }),
  (c, key) => c.meta.mg(key, { v: true }),
  (c, key) => c.meta.ms(key, SECRET),
  (c, key) => c.meta.me(key),
  (c, key) => c.raw(key, 'get', key),
  (c, key) => c.raw(key, 'incr', key, 'one'),
  (c, key) => c.raw(key, 'nonsense', key),
  (c, key) => c.getOrSet(`${key}-page`, load, POLICY),
  (c, key) => c.getOrSet(`${key}-page`, load, { ...POLICY, ttl: -1 }),
  (c, key) => c.getOrSet(`${key}-page`, load, { ...POLICY, tags: [key] }),
  (c, key) => c.getOrSet(`${key}-bad`, fail(key), POLICY),
  (c, key) => c.getOrSet(`${key}-large`, large, POLICY),
  (c, key) => c.getOrSet(`${key}-odd`, () => (() => {}) as never, POLICY),
  (c, key) =>
    c.getOrSet(`${key}-slow`, () => new Promise(() => {}), { ...POLICY, loaderTimeoutMs: 20 }),
  (c, key) => c.getOrSetMany([key, `${key}2`], fail(key), POLICY),
  (c, key) => c.getOrSetMany([`${key}3`], () => ({ [key]: SECRET }) as never, POLICY),
  (c, key) => c.refresh(`${key}-page`, load, POLICY),
  (c, key) => c.refresh(`${key}-page`, fail(key), POLICY),
  (c, key) => c.invalidate([`${key}-page`, key]),
  (c, key) => c.invalidateTags([key, `${key}2`]),
  (c, key) => c.invalidateTags([key, ''] as never),
  (c, key) => c.define({ key: () => key, loader: fail(key), ttl: 60 }).get(),
  (c, key) => c.warm([key, `${key}2`], fail(key), { signal: AbortSignal.timeout(200) }),
  (c, key) => c.warm([key], large, { signal: AbortSignal.timeout(200) }),
  (c, key) => c.deleteMany([key, `${key}2`]),
  (c, key) => c.delete(key),
]

/** Keys of all kinds, some of them invalid. */
const KEYS: readonly string[] = [
  SECRET,
  `grün ${SECRET}`,
  `${SECRET}\nnoreply`,
  `${SECRET}\u0000`,
  `${SECRET}\ud800`,
  LONG,
  `%68${SECRET}`,
]

test('without traceKeys no observer receives a key, a tag or a value, whatever fails', async (context) => {
  const servers = await Promise.all([startServer(), startServer()])
  const addresses = servers.map(({ address }) => address)
  const settings = { retries: 0, requestTimeoutMs: 2_000 } as const
  const clients = [
    new MemcachedClient(addresses, { ...settings, keyPrefix: `${SECRET}:` }),
    new MemcachedClient(addresses, { ...settings, longKeys: 'hash', protocol: 'classic' }),
    new MemcachedClient(addresses.slice(0, 1), {
      ...settings,
      requestTimeoutMs: 40,
      onError: 'miss',
    }),
  ]
  const told = hearAll(context, clients)
  const metrics = new Metrics(clients)
  const spans = new InMemorySpanExporter()
  const processor = new SimpleSpanProcessor(spans)
  const stop = instrument(otel, {
    tracerProvider: new BasicTracerProvider({ spanProcessors: [processor] }),
  })
  context.after(async () => {
    stop()
    metrics.close()
    await Promise.all(clients.map((client) => client.close({ drainMs: 0 })))
    await Promise.all(servers.map((server) => server.close()))
  })
  const called = (call: Call): Promise<unknown> => {
    const calls = clients.flatMap((client) =>
      KEYS.map(async (key) => {
        await call(client, key)
      }),
    )
    return Promise.allSettled(calls)
  }
  for (const call of CALLS) await called(call)
  clients[0]!.setServers(addresses.slice(1), { announce: 1, handover: 12 })
  for (const client of clients) client.configure({ requestTimeoutMs: 100 })
  for (const server of servers) await server.kill()
  await Promise.all(CALLS.map(called))
  told.set('metrics', metrics.text())
  for (const [i, { name, attributes, status, events }] of spans.getFinishedSpans().entries()) {
    told.set(`span #${i}`, inspect({ name, attributes, status, events }, { depth: 8 }))
  }
  const leaks = [...told].filter(([, text]) => text.includes(SECRET))
  const shown = leaks.map(([where, text]) => {
    const at = text.indexOf(SECRET)
    return `${where.replace(/ #\d+$/, '')}: ${text.slice(Math.max(0, at - 120), at + 20)}`
  })
  assert.deepEqual([...new Set(shown)].slice(0, 20), [])
  assert.ok(told.size > 3_000, String(told.size))
})
