import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { MemcachedClient } from '../../src/client/client.ts'
import { fastifyRateLimitStore } from '../../src/integrations/fastify-rate-limit.ts'
import { RateLimitStore } from '../../src/integrations/rate-limit.ts'
import { sessionStore } from '../../src/integrations/session.ts'
import { countKnocks } from '../client/support.ts'

// biome-ignore lint/suspicious/noExplicitAny: these calls are type errors on purpose
type Loose = any

const ARGUMENT = 'MINTRING_BAD_ARGUMENT'
const TTL = 'MINTRING_BAD_TTL'

/** A call with invalid arguments, and the code of its error. */
type Row = readonly [call: string, code: string, run: (client: MemcachedClient) => unknown]

const sessions = (client: MemcachedClient): Loose => sessionStore(client)
const limits = (client: MemcachedClient): Loose => new RateLimitStore(client)
const fastify = (client: MemcachedClient): Loose => new (fastifyRateLimitStore(client))()
const ofMaxAge = (client: MemcachedClient, maxAge: unknown): unknown =>
  promisify(sessions(client).set)('a', { cookie: { maxAge } })
const incr = (client: MemcachedClient, key: unknown, windowMs: unknown, max: unknown): unknown =>
  new Promise((resolve, reject) => {
    const done = (error: unknown): void => (error ? reject(error) : resolve(undefined))
    fastify(client).incr(key, done, windowMs, max)
  })

/** Calls that throw, because there is no callback that could receive the error. */
const THROWING: readonly Row[] = [
  ['session set(id, session, 5)', ARGUMENT, (c) => sessions(c).set('a', {}, 5)],
  ['session get(id)', ARGUMENT, (c) => sessions(c).get('a')],
  ['session get(id, {})', ARGUMENT, (c) => sessions(c).get('a', {})],
  ['session destroy(id, true)', ARGUMENT, (c) => sessions(c).destroy('a', true)],
  ["session touch(id, session, 'x')", ARGUMENT, (c) => sessions(c).touch('a', {}, 'x')],
  ['session all()', ARGUMENT, (c) => sessions(c).all()],
  ['session length(5)', ARGUMENT, (c) => sessions(c).length(5)],
  ['session clear(5)', ARGUMENT, (c) => sessions(c).clear(5)],
  ['session set(5) without a callback', ARGUMENT, (c) => sessions(c).set(5, {})],
  ['session destroy() without a callback', ARGUMENT, (c) => sessions(c).destroy()],
  ['session set of a bad maxAge, without a callback', TTL, (c) => sessions(c).set('a', maxAge())],
  ['fastify incr(key, 5)', ARGUMENT, (c) => fastify(c).incr('a', 5)],
  ['fastify incr(key)', ARGUMENT, (c) => fastify(c).incr('a')],
  ['fastify read(key, 5, 1000)', ARGUMENT, (c) => fastify(c).read('a', 5, 1000)],
  ['RateLimitStore init()', ARGUMENT, (c) => limits(c).init()],
  ['RateLimitStore init(null)', ARGUMENT, (c) => limits(c).init(null)],
  ["RateLimitStore init({ windowMs: '1' })", ARGUMENT, (c) => limits(c).init({ windowMs: '1' })],
]

/** Calls that fail through their callback or their promise. */
const FAILING: readonly Row[] = [
  ['session set(id, undefined)', ARGUMENT, (c) => promisify(sessions(c).set)('a', undefined)],
  ['session set(id, null)', ARGUMENT, (c) => promisify(sessions(c).set)('a', null)],
  ['session set(id, 5)', ARGUMENT, (c) => promisify(sessions(c).set)('a', 5)],
  ['session set(id, [])', ARGUMENT, (c) => promisify(sessions(c).set)('a', [])],
  ['session set(5, session)', ARGUMENT, (c) => promisify(sessions(c).set)(5, {})],
  ['session get(undefined)', ARGUMENT, (c) => promisify(sessions(c).get)(undefined)],
  ['session destroy({})', ARGUMENT, (c) => promisify(sessions(c).destroy)({})],
  ['session touch(id, undefined)', ARGUMENT, (c) => promisify(sessions(c).touch)('a', undefined)],
  ['a session cookie with maxAge NaN', TTL, (c) => ofMaxAge(c, Number.NaN)],
  ["a session cookie with maxAge 'x'", TTL, (c) => ofMaxAge(c, 'x')],
  [
    'a session cookie with an invalid date',
    TTL,
    (c) => promisify(sessions(c).set)('a', { cookie: { expires: 'garbage' } }),
  ],
  [
    'a touch with an invalid date',
    TTL,
    (c) => promisify(sessions(c).touch)('a', { cookie: { expires: new Date(Number.NaN) } }),
  ],
  ['fastify incr(undefined)', ARGUMENT, (c) => incr(c, undefined, 1000, 5)],
  ["fastify incr with the window 'x'", ARGUMENT, (c) => incr(c, 'a', 'x', 5)],
  ['fastify incr with the window NaN', ARGUMENT, (c) => incr(c, 'a', Number.NaN, 5)],
  ['fastify incr with the maximum NaN', ARGUMENT, (c) => incr(c, 'a', 1000, Number.NaN)],
  ['RateLimitStore increment()', ARGUMENT, (c) => limits(c).increment()],
  ['RateLimitStore decrement(null)', ARGUMENT, (c) => limits(c).decrement(null)],
  ['RateLimitStore resetKey({})', ARGUMENT, (c) => limits(c).resetKey({})],
]

function maxAge(): object {
  return { cookie: { maxAge: Number.NaN } }
}

describe('a call of an adapter with invalid arguments', () => {
  for (const [call, code, run] of THROWING) {
    it(`throws ${code} before any I/O: ${call}`, async (t) => {
      const { address, knocks } = await countKnocks(t)
      const client = new MemcachedClient(address)
      t.after(() => client.close({ drainMs: 0 }))
      assert.throws(() => run(client), { name: 'MintringError', code })
      assert.equal(knocks(), 0)
    })
  }

  for (const [call, code, run] of FAILING) {
    it(`fails with ${code} before any I/O: ${call}`, async (t) => {
      const { address, knocks } = await countKnocks(t)
      const client = new MemcachedClient(address)
      t.after(() => client.close({ drainMs: 0 }))
      await assert.rejects(async () => run(client), { name: 'MintringError', code })
      assert.equal(knocks(), 0)
    })
  }
})
