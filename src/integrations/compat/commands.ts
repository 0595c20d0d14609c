import { nextTick } from '../../runtime.ts'
import { notStored, Refusal, unknownCommand } from './errors.ts'
import { callable, ENGINE, type Instance } from './instance.ts'
import { npmSecondsLeft } from './lifetime.ts'
import { type Callback, PartlyDone, type Query, RUN } from './query.ts'
import type { Commands } from './types.ts'
import { type NpmValue, storedFormOf } from './values.ts'

type Rule = readonly [name: string, type: unknown]
type Methods = { [Name in keyof Commands]: (this: Instance, ...words: never[]) => void }

const KEY: Rule = ['key', String]
const LIFETIME: Rule = ['lifetime', Number]
const CALLBACK: Rule = ['callback', Function]
const TO_FIND: readonly Rule[] = [KEY, CALLBACK]
const TO_FIND_MANY: readonly Rule[] = [['key', Array], CALLBACK]
const TO_TOUCH: readonly Rule[] = [KEY, LIFETIME, CALLBACK]
const TO_COUNT: readonly Rule[] = [KEY, ['value', Number], CALLBACK]
const TO_STORE: readonly Rule[] = [KEY, ['value', String], LIFETIME, CALLBACK]

/** The key commands: each passes a description of itself to `command()`. */
export const keyCommands: Methods = {
  touch(key: string, lifetime: number, callback: unknown) {
    const { client } = this[ENGINE]
    const full = fullKeyOf(this, key)
    const run = async (): Promise<boolean> => {
      const ttl = npmSecondsLeft(lifetime, Date.now(), 'invalid exptime argument')
      return ttl === undefined ? client.remove(full) : client.prolong(full, ttl)
    }
    const command = ['touch', full, lifetime].join(' ')
    ask(this, { type: 'touch', key: full, lifetime, command, validate: TO_TOUCH }, callback, run)
  },

  get(key: unknown, callback: unknown) {
    if (Array.isArray(key)) return Reflect.apply(this.getMulti, this, [key, callback])
    const { client } = this[ENGINE]
    const full = fullKeyOf(this, key)
    const command = `get ${full}`
    ask(this, { type: 'get', key: full, command, validate: TO_FIND }, callback, () =>
      client.read(full),
    )
  },

  gets(key: unknown, callback: unknown) {
    const { client } = this[ENGINE]
    const full = fullKeyOf(this, key)
    const command = `gets ${full}`
    ask(this, { type: 'gets', key: full, command, validate: TO_FIND }, callback, async () => {
      const entry = await client.readEntry(full)
      return entry && { [full]: entry.value, cas: String(entry.cas) }
    })
  },

  getMulti(keys: readonly unknown[], callback: unknown) {
    readMany(this, keys, callable(callback))
  },

  set: storing('set'),
  replace: storing('replace'),
  add: storing('add'),

  cas(key: unknown, value: unknown, cas: string, lifetime: number, callback: unknown) {
    const { client } = this[ENGINE]
    store(this, 'cas', { key, value, lifetime, cas, callback }, async (full, stored) => {
      const id = casIdOf(cas)
      const ttl = npmSecondsLeft(lifetime, Date.now())
      const outcome = await client.swap(full, stored, id, ttl ?? 1)
      if (outcome === 'stored' && ttl === undefined) await client.remove(full)
      return outcome === 'stored'
    })
  },

  append: lengthening('append'),
  prepend: lengthening('prepend'),
  incr: counting('incr'),
  decr: counting('decr'),
  increment: undefined as never,
  decrement: undefined as never,

  del(key: unknown, callback: unknown) {
    const { client } = this[ENGINE]
    const full = fullKeyOf(this, key)
    const about = { type: 'delete', key: full, command: `delete ${full}`, redundancyEnabled: true }
    ask(this, { ...about, validate: TO_FIND }, callback, () => client.remove(full))
  },
  delete: undefined as never,
}

keyCommands.increment = keyCommands.incr
keyCommands.decrement = keyCommands.decr
keyCommands.delete = keyCommands.del

/** Converts a key that is not a string to one, as `memcached` does. */
function fullKeyOf({ namespace }: Instance, key: unknown): string {
  return `${namespace}${key}`
}

function ask(
  memcached: Instance,
  about: Query,
  callback: unknown,
  run: () => Promise<unknown>,
): void {
  const done = async (): Promise<unknown> => {
    if (about.key === '') throw unknownCommand()
    return run()
  }
  memcached.command(() => ({ ...about, callback: callable(callback), [RUN]: done }))
}

/** Parses a CAS id; throws the error that a server would return for an invalid one. */
function casIdOf(cas: unknown): bigint {
  if (!cas) throw unknownCommand()
  if (!/^\d+$/.test(String(cas))) throw new Refusal('bad command line format')
  return BigInt(String(cas))
}

/** The arguments of a storage command. */
interface Storing {
  readonly key: unknown
  readonly value: unknown
  readonly lifetime: number
  readonly cas?: string
  readonly callback: unknown
}

function storing(name: 'set' | 'add' | 'replace'): Methods['set'] {
  return function (this: Instance, key: unknown, value, lifetime: number, callback: unknown) {
    const { client } = this[ENGINE]
    store(this, name, { key, value, lifetime, callback }, async (full, stored) => {
      const ttl = npmSecondsLeft(lifetime, Date.now())
      if (!(await client.write(name, full, stored, ttl ?? 1))) throw notStored()
      // The lifetime is already over: a server would reply STORED and never return the item.
      if (ttl === undefined) await client.remove(full)
      return true
    })
  }
}

function lengthening(name: 'append' | 'prepend'): Methods['append'] {
  return function (this: Instance, key: unknown, value: unknown, callback: unknown) {
    const { client } = this[ENGINE]
    store(this, name, { key, value, lifetime: 0, callback }, async (full, stored) => {
      if (!(await client.lengthen(name, full, stored))) throw notStored()
      return true
    })
  }
}

function store(
  memcached: Instance,
  type: string,
  { key, value, lifetime, cas, callback }: Storing,
  run: (full: string, stored: NpmValue) => Promise<boolean>,
): void {
  const full = fullKeyOf(memcached, key)
  const stored = storedOrTold(memcached, value, callable(callback))
  if (stored === undefined) return
  const { text, flags } = stored
  const line = [type, full, flags, lifetime, Buffer.byteLength(text)].join(' ')
  const command = `${line}${cas ? ` ${cas}` : ''}\r\n${text}`
  const about = { type, key: full, value: text, lifetime, cas, command, redundancyEnabled: false }
  ask(memcached, { ...about, validate: TO_STORE }, callback, () => run(full, stored))
}

/**
 * Returns the stored form of a value; if there is none, calls back with the error and returns
 * undefined.
 */
function storedOrTold(
  memcached: Instance,
  value: unknown,
  callback: Callback | undefined,
): NpmValue | undefined {
  try {
    const stored = storedFormOf(value)
    if (Buffer.byteLength(stored.text) <= Number(memcached.maxValue)) return stored
    throw new Error(`The length of the value is greater than ${memcached.maxValue}`)
  } catch (error) {
    callback?.call(memcached, error, false)
    return undefined
  }
}

function counting(name: 'incr' | 'decr'): Methods['incr'] {
  return function (this: Instance, key: unknown, value: number, callback: unknown) {
    const { client } = this[ENGINE]
    const full = fullKeyOf(this, key)
    const run = async (): Promise<number | false> => {
      const size = Math.abs(value)
      const isCount = Number.isInteger(size) && size < 2 ** 64
      if (!isCount) throw new Refusal('invalid numeric delta argument')
      // memcached rejects negative deltas, so incr by -1 becomes decr by 1.
      const up = (name === 'incr') === value >= 0
      const total = await client.count(up ? 'incr' : 'decr', full, BigInt(size))
      return total === undefined ? false : Number(total)
    }
    const about = { type: name, key: full, value, command: [name, full, value].join(' ') }
    ask(this, { ...about, redundancyEnabled: true, validate: TO_COUNT }, callback, run)
  }
}

/** Sends one command per server, so that each has its own tracing span. */
function readMany(memcached: Instance, keys: readonly unknown[], callback?: Callback): void {
  if (!Array.isArray(keys)) {
    callback?.call(undefined, [new Error('Argument "key" is not a valid Array.')], {})
    return
  }
  const asked = new Map(keys.map((key) => [fullKeyOf(memcached, key), String(key)]))
  const all = [...asked.keys()]
  const errors: unknown[] = []
  const hits = new Map<string, unknown>()
  const finish = (): void => {
    const found = all.filter((full) => hits.has(full))
    const result = Object.fromEntries(found.map((full) => [asked.get(full), hits.get(full)]))
    callback?.call(undefined, errors.length > 0 ? errors : undefined, result)
  }
  if (all.length === 0) {
    nextTick(finish)
    return
  }
  let left: number | undefined
  memcached.multi(all, (server, some = [], _index, total): void => {
    left ??= total
    const done: Callback = (error, found) => {
      if (error) errors.push(error)
      for (const [full, value] of (found ?? []) as Iterable<[string, unknown]>) {
        hits.set(full, value)
      }
      left!--
      if (left === 0) finish()
    }
    memcached.command(() => manyOf(memcached, all, some, done), server)
  })
}

function manyOf(memcached: Instance, all: string[], some: string[], callback: Callback): Query {
  const { client } = memcached[ENGINE]
  const about = { type: 'get', multi: true, key: all, command: `get ${some.join(' ')}` }
  const run = async (): Promise<unknown> => {
    const found = await client.readMany(some)
    const [failure] = found.failed.values()
    return failure === undefined ? found : new PartlyDone(failure, found)
  }
  return { ...about, validate: TO_FIND_MANY, callback, [RUN]: run }
}
