import { setTimeout as sleep } from 'node:timers/promises'
import type { ReadOptions } from '../../src/client/options.ts'
import type { Dice } from './dice.ts'
import type { Column } from './report.ts'
import type { Mutant } from './run.ts'

/** A planted mistake, and the column in which the fuzzer has to find it. */
export interface Control extends Mutant {
  readonly finds: Column
}

const SHARE = 0.1

/** Whether to make the mistake this time. */
function errs(dice: Dice): boolean {
  return dice.roll() < SHARE
}

/** Clients and proxies with one mistake each. */
export const mutants: Readonly<Record<string, Control>> = {
  'the value of another key': {
    finds: 'wrong',
    spoil(client, dice) {
      const get = client.get.bind(client)
      client.get = ((key: string, options?: ReadOptions) =>
        get(errs(dice) ? 'small:0' : key, options)) as unknown as typeof client.get
    },
  },
  'two values of a reply swapped': {
    finds: 'wrong',
    tamper: onceInAWhile(swapValues),
  },
  'the value of an earlier read': {
    finds: 'stale',
    spoil(client, dice) {
      const get = client.get.bind(client)
      const seen = new Map<string, unknown>()
      client.get = async <Value>(key: string, options?: object) => {
        const old = seen.get(key) as Value | undefined
        if (old !== undefined && errs(dice)) return old
        const value = await get<Value>(key, options)
        if (value !== undefined && !seen.has(key)) seen.set(key, value)
        return value
      }
    },
  },
  'set acknowledged and not sent': {
    finds: 'stale',
    spoil(client, dice) {
      const set = client.set.bind(client)
      client.set = async (key, value, options) => errs(dice) || set(key, value, options)
    },
  },
  'an invalidation acknowledged and not sent': {
    finds: 'stale',
    spoil(client) {
      client.invalidate = async () => true
    },
  },
  'NOT_STORED read as STORED': {
    finds: 'falseAcks',
    tamper: (bytes) => replaceText(bytes, 'NOT_STORED\r\n', 'STORED\r\n'),
  },
  'an add that was done and denied': {
    finds: 'falseAcks',
    spoil(client, dice) {
      const add = client.add.bind(client)
      client.add = async (key, value, options) => {
        return (await add(key, value, options)) && !errs(dice)
      }
    },
  },
  'a set acknowledged, then deleted': {
    finds: 'falseAcks',
    spoil(client, dice) {
      const set = client.set.bind(client)
      const remove = client.delete.bind(client)
      client.set = async (key, value, options) => {
        const isStored = await set(key, value, options)
        if (errs(dice)) await remove(key)
        return isStored
      }
    },
  },
  'an incr sent twice': {
    finds: 'twice',
    spoil(client, dice) {
      const incr = client.incr.bind(client)
      client.incr = async (key, delta, options) => {
        if (errs(dice)) await incr(key, delta, options)
        return incr(key, delta, options)
      }
    },
  },
  'an append sent twice': {
    finds: 'twice',
    spoil(client, dice) {
      const append = client.append.bind(client)
      client.append = async (key, value, options) => {
        if (errs(dice)) await append(key, value, options)
        return append(key, value, options)
      }
    },
  },
  'a line too many': {
    finds: 'protocol',
    tamper: onceInAWhile((bytes) => Buffer.concat([bytes, Buffer.from('STORED\r\n')])),
  },
  'a get that settles late': {
    finds: 'late',
    spoil(client, dice) {
      const get = client.get.bind(client)
      client.get = async <Value>(key: string, options?: object) => {
        if (dice.roll() < 0.01) await sleep(800)
        return get<Value>(key, options)
      }
    },
  },
  'connections left open by close()': {
    finds: 'growth',
    spoil(client) {
      client.close = async () => {}
    },
  },
  'a rejection that nobody handles': {
    finds: 'crashes',
    spoil(client, dice) {
      const get = client.get.bind(client)
      client.get = ((key: string, options?: ReadOptions) => {
        if (errs(dice)) void Promise.reject(new Error('nobody handles this'))
        return get(key, options)
      }) as unknown as typeof client.get
    },
  },
}

/** Tampers with every sixth piece that a server sends. */
function onceInAWhile(tamper: (bytes: Buffer) => Buffer): (bytes: Buffer) => Buffer {
  let pieces = 0
  return (bytes) => (++pieces % 6 === 0 ? tamper(bytes) : bytes)
}

/** Swaps the keys of the first two values of a piece. */
function swapValues(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1')
  const [first, second] = [...text.matchAll(/VALUE (small:\d+) /g)].map((match) => match[1]!)
  if (first === undefined || second === undefined) return bytes
  const names: Readonly<Record<string, string>> = { [first]: second, [second]: first }
  const rename = (_head: string, key: string): string => `VALUE ${names[key] ?? key} `
  return Buffer.from(text.replace(/VALUE (small:\d+) /g, rename), 'latin1')
}

function replaceText(bytes: Buffer, from: string, to: string): Buffer {
  return Buffer.from(bytes.toString('latin1').replaceAll(from, to), 'latin1')
}
