import { test } from 'node:test'
import { expectTypeOf } from 'expect-type'
import type { MemcachedClient } from '../../src/client/client.ts'
import type { Outcomes } from '../../src/client/outcomes.ts'
import type { Entry } from '../../src/client/verbs/retrieval.ts'
import type { LoaderContext } from '../../src/refill/loader.ts'

interface User {
  readonly name: string
}

// Checked by the compiler; at run time there is nothing to do.
const types = (cache: MemcachedClient): void => {
  expectTypeOf(cache.get('k')).resolves.toEqualTypeOf<unknown>()
  expectTypeOf(cache.get<User>('k')).resolves.toEqualTypeOf<User | undefined>()
  expectTypeOf(cache.gets<User>('k')).resolves.toEqualTypeOf<Entry<User> | undefined>()
  expectTypeOf(cache.gat<User>('k', 5)).resolves.toEqualTypeOf<User | undefined>()
  expectTypeOf(cache.getMany<User>(['k'])).resolves.toEqualTypeOf<Map<string, User>>()
  expectTypeOf(cache.getManyDetailed<User>(['k'])).resolves.toEqualTypeOf<Outcomes<User>>()
  expectTypeOf(cache.set('k', 1)).resolves.toEqualTypeOf<boolean>()
  expectTypeOf(cache.cas('k', 1, 1n)).resolves.toEqualTypeOf<'stored' | 'exists' | 'not_found'>()
  expectTypeOf(cache.incr('k')).resolves.toEqualTypeOf<bigint | undefined>()
  expectTypeOf(cache.setMany({ k: 1 })).resolves.toEqualTypeOf<Outcomes<boolean>>()
  expectTypeOf(cache.version()).resolves.toEqualTypeOf<Outcomes<string>>()
  expectTypeOf(cache.behaviors.retryTimeoutMs).toBeNumber()
  expectTypeOf(cache.locate('k').server).toBeString()

  const key = (id: number): string => `user:${id}`
  const load = async (id: number): Promise<User> => ({ name: `${id}` })
  const plain = cache.define({ key, ttl: 60, loader: async (id) => load(id) })
  expectTypeOf(plain.get(1)).resolves.toEqualTypeOf<User>()
  const heedful = cache.define({
    key,
    ttl: 60,
    loader: async (id: number, { signal }) => ({ name: `${id} ${signal.aborted}` }),
  })
  expectTypeOf(heedful.get(1)).resolves.toEqualTypeOf<{ name: string }>()
  const frugal = cache.define({
    key,
    ttl: 60,
    loader: async (id: number, { stale }: LoaderContext<User>) => stale ?? load(id),
  })
  expectTypeOf(frugal.get(1)).resolves.toEqualTypeOf<User>()

  // @ts-expect-error keys are strings
  void cache.get(1)
  // @ts-expect-error a CAS id is a bigint
  void cache.cas('k', 'v', 1)
  // @ts-expect-error a duration has a unit
  void cache.set('k', 'v', { ttl: '5' })
  // @ts-expect-error TTLs are named ttl, and are seconds
  void cache.set('k', 'v', { ttlMs: 5 })
  // @ts-expect-error touch needs a TTL
  void cache.touch('k')
  // @ts-expect-error there is no such event
  cache.on('error', () => undefined)
  cache.on('eject', (message) => expectTypeOf(message.host).toBeString())
}

test('the types of the client are the documented ones', () => {
  expectTypeOf(types).toBeFunction()
})
