import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import bluebird from 'bluebird'
import Original from 'memcached-original'
import { Memcached } from '../../src/integrations/compat.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { realCache } from './support.ts'

type Kind = new (address: string) => Record<string, never> & { end(): void }
type Call = (...words: unknown[]) => Promise<unknown>

const METHODS = [
  'get',
  'set',
  'gets',
  'getMulti',
  'incr',
  'del',
  'version',
  'stats',
  'touch',
  'flush',
]

/** Common ways to wrap the class or a client, for promises or for tracing. */
const WRAPS: Readonly<Record<string, (kind: Kind, address: string) => Promise<unknown>>> = {
  "bluebird's promisifyAll of a client": async (Kind, address) => {
    const client = bluebird.promisifyAll(new Kind(address)) as unknown as Record<string, Call>
    const names = METHODS.map((name) => typeof client[`${name}Async`])
    await client.setAsync?.('b', { a: 1 }, 60)
    const told = [names, await client.getAsync?.('b'), await client.getMultiAsync?.(['b', 'none'])]
    const failed = await client
      .addAsync?.('b', 1, 60)
      .catch((error) => [error.message, error.notStored])
    await client.delAsync?.('b')
    return [told, failed, ended(client)]
  },
  "bluebird's promisifyAll of the prototype": async (Kind, address) => {
    class Mine extends Kind {}
    bluebird.promisifyAll(Mine.prototype)
    const client = new Mine(address) as unknown as Record<string, Call>
    return [await client.setAsync?.('b', 5, 60), await client.incrAsync?.('b', 2), ended(client)]
  },
  'util.promisify of each method of the prototype': async (Kind, address) => {
    const client = new Kind(address) as unknown as Record<string, Call>
    const promised: Record<string, Call> = {}
    for (const name in Kind.prototype) {
      const method = client[name]
      if (METHODS.includes(name)) promised[name] = promisify(method as never).bind(client as never)
    }
    await promised.set?.('u', 'v', 60)
    const all = [
      Object.keys(promised).sort(),
      await promised.get?.('u'),
      await promised.get?.('none'),
    ]
    return [all, await promised.touch?.('none', 5), ended(client)]
  },
  'a patch of one method': async (Kind, address) => {
    const { prototype } = Kind as unknown as { prototype: Record<string, unknown> }
    const get = prototype.get as (...words: unknown[]) => void
    const seen: unknown[] = []
    prototype.get = function (this: object, ...words: unknown[]) {
      seen.push(words[0])
      return Reflect.apply(get, this, words)
    }
    const client = new Kind(address) as unknown as Record<string, Call>
    await new Promise((done) => client.get?.('p', done))
    await new Promise((done) => client.get?.(['p'], done))
    prototype.get = get
    return [seen, ended(client)]
  },
  'a patch of command()': async (Kind, address) => {
    const { prototype } = Kind as unknown as { prototype: Record<string, unknown> }
    const command = prototype.command as (...words: unknown[]) => void
    const seen: unknown[] = []
    prototype.command = function (
      this: object,
      compile: () => Record<string, unknown>,
      ...more: []
    ) {
      const compiled = (): object => {
        const query = compile()
        seen.push([query.type, query.key, query.command, typeof query.callback])
        return query
      }
      return Reflect.apply(command, this, [compiled, ...more])
    }
    const client = new Kind(address) as unknown as Record<string, Call>
    const call = (name: string, ...words: unknown[]) =>
      new Promise((done) => client[name]?.(...words, done))
    await call('set', 'p', 'v', 60)
    await call('getMulti', ['p', 'q'])
    await call('incr', 'n', 1)
    await call('flush')
    prototype.command = command
    return [seen, ended(client)]
  },
  'a method of one client': async (Kind, address) => {
    const client = new Kind(address) as unknown as Record<string, unknown>
    const seen: unknown[] = []
    const { getMulti } = client as Record<string, (...words: unknown[]) => void>
    client.getMulti = function (this: object, ...words: unknown[]) {
      seen.push(words[0])
      return Reflect.apply(getMulti as never, this, words)
    }
    await new Promise((done) => (client as Record<string, Call>).get?.(['a', 'b'], done))
    return [seen, ended(client)]
  },
  'commands of their own': async (Kind, address) => {
    const client = new Kind(address) as unknown as Record<string, Call>
    const send = (query: object, server?: string) =>
      new Promise((done) => {
        const callback = (error: unknown, result: unknown) => done([shown(error), shown(result)])
        void client.command?.(() => ({ ...query, callback }), server)
      })
    await new Promise((done) => client.flush?.(done))
    return [
      await send({ type: 'set', command: 'set own 0 60 5\r\nvalue', key: 'own' }),
      await send({ type: 'get', command: 'get own', key: 'own' }),
      await send({ type: 'get', command: 'get own none', key: 'own', multi: true }),
      await send({ type: 'gets', command: 'get none' }),
      await send({ command: 'touch own 100' }),
      await send({ command: 'incr own 1' }),
      await send({ command: 'verbosity 1' }),
      await send({ command: 'delete own' }, address),
      await send({ command: 'delete own' }, address),
      await send({ command: 'get with many words', key: 'x', validate: [['key', Number]] }),
      ended(client),
    ]
  },
  'a connection of their own': async (Kind, address) => {
    const client = new Kind(address) as unknown as Record<string, Call>
    const there = await new Promise((done) => {
      void client.connect?.(
        address,
        (error: unknown, { serverAddress, tokens }: Record<string, unknown>) =>
          done([shown(error), serverAddress, tokens]),
      )
    })
    return [there, ended(client)]
  },
}

function shown(told: unknown): unknown {
  const one = Array.isArray(told) && told.length === 1 ? told[0] : told
  return one instanceof Error ? one.message : (one ?? null)
}

function ended(client: object): string {
  ;(client as { end(): void }).end()
  return 'ended'
}

describe('mintring/compat, wrapped or patched like the package memcached', {
  skip: skipWithoutMemcached(),
}, () => {
  const real = realCache()
  for (const [name, wrap] of Object.entries(WRAPS)) {
    test(`returns the same results: ${name}`, async () => {
      const there = await wrap(Original as unknown as Kind, real.address)
      const here = await wrap(Memcached as unknown as Kind, real.address)
      assert.deepEqual(JSON.parse(JSON.stringify(here)), JSON.parse(JSON.stringify(there)))
    })
  }
})
