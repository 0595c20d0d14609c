import type { MemcachedClient, MintringError, OperationOptions } from '../../src/index.ts'
import { type Caller, noteError, settle } from './calls.ts'
import type { Counter } from './counter.ts'
import type { Dice } from './dice.ts'
import type { Log } from './log.ts'
import type { Page } from './page.ts'
import type { Register } from './register.ts'

/**
 * What the verbs of a run work on: keys with values, counters, texts for appends, and cached pages.
 */
export interface World extends Caller {
  readonly client: MemcachedClient
  readonly dice: Dice
  readonly registers: readonly Register[]
  readonly counters: readonly Counter[]
  readonly logs: readonly Log[]
  /** Pages that may be served stale, and pages that may not. */
  readonly pages: readonly Page[]
  readonly strictPages: readonly Page[]
  /** The longest time of a call without its own timeout. */
  readonly limitMs: number
}

/** One call that checks all that is known about its outcome. */
type Verb = (world: World) => Promise<void>

/** The timeouts that some callers set. */
interface Patience {
  readonly options: OperationOptions
  readonly limitMs: number
}

const ATTEMPT_SHARE = 0.06
const BATCH = 12

/**
 * Most callers leave the timeout to the client, some set one or abort. A call of several steps (a
 * batch, a split value) may take longer when its caller sets none.
 */
function patience({ dice, limitMs: callMs }: World, hasSteps = false): Patience {
  const limitMs = hasSteps ? 3 * callMs : callMs
  const roll = dice.roll()
  const ms = 5 + dice.below(200)
  if (roll < ATTEMPT_SHARE) return { options: { timeoutMs: ms }, limitMs: ms }
  if (roll > 2 * ATTEMPT_SHARE) return { options: {}, limitMs }
  return { options: { signal: AbortSignal.timeout(ms) }, limitMs: Math.min(ms, limitMs) }
}

/** Reports that a write was rejected, and whether it may have run. */
function failed(register: Register, version: number, error: MintringError): void {
  const denial = `it was rejected with sent: false (${error.command}, ${error.code})`
  register.rejected(version, error.sent ? undefined : denial)
}

const get: Verb = async (world) => {
  const { client, dice, registers } = world
  const register = dice.pick(registers)
  const { options, limitMs } = patience(world, register.kind === 'split')
  const began = register.moment()
  const call = () => client.get(register.key, options)
  const { result, error } = await settle(world, `get ${register.key}`, limitMs, call)
  if (error !== undefined) return
  if (result === undefined) register.sawAbsent(began, 'get')
  else register.saw(result, began, 'get')
}

export const gat: Verb = async (world) => {
  const { client, dice, registers } = world
  const register = dice.pick(registers)
  const { options, limitMs } = patience(world, register.kind === 'split')
  const began = register.moment()
  const call = () => client.gat(register.key, '1h', options)
  const { result, error } = await settle(world, `gat ${register.key}`, limitMs, call)
  if (error !== undefined) return
  if (result === undefined) register.sawAbsent(began, 'gat')
  else register.saw(result, began, 'gat')
}

const touch: Verb = async (world) => {
  const { client, dice, registers } = world
  const register = dice.pick(registers)
  const { options, limitMs } = patience(world, register.kind === 'split')
  const began = register.moment()
  const call = () => client.touch(register.key, '1h', options)
  const { result, error } = await settle(world, `touch ${register.key}`, limitMs, call)
  if (error !== undefined) return
  if (result) register.sawPresent(began, 'touch')
  else register.sawAbsent(began, 'touch')
}

const getMany: Verb = async (world) => {
  const { client, dice, registers } = world
  const { options, limitMs } = patience(world, true)
  const wanted = new Map(Array.from({ length: BATCH }, () => dice.pick(registers)).map(withMoment))
  const keys = [...wanted.keys()].map((register) => register.key)
  const call = () => client.getManyDetailed(keys, options)
  const { result } = await settle(world, 'getMany', limitMs, call)
  if (result === undefined) return
  for (const [register, began] of wanted) {
    const { key } = register
    if (result.has(key)) register.saw(result.get(key), began, 'getMany')
    else if (!result.failed.has(key)) register.sawAbsent(began, 'getMany')
  }
}

const raw: Verb = async (world) => {
  const { client, dice, registers } = world
  const register = dice.pick(registers)
  const { options, limitMs } = patience(world, register.kind === 'split')
  const began = register.moment()
  const call = () => client.raw(register.key, 'get', register.key, options)
  const { result } = await settle(world, `raw get ${register.key}`, limitMs, call)
  if (result === undefined) return
  const [first] = result
  if (first?.data === undefined) register.sawAbsent(began, 'raw get')
  else if (register.kind === 'small') register.saw(String(first.data), began, 'raw get')
}

const set: Verb = async (world) => {
  const { client, dice, registers } = world
  const register = dice.pick(registers)
  const { options, limitMs } = patience(world, register.kind === 'split')
  const { version, value } = register.put()
  const call = () => client.set(register.key, value, { ...options, ttl: '1h' })
  const { error } = await settle(world, `set ${register.key}`, limitMs, call)
  if (error === undefined) register.done(version)
  else failed(register, version, error)
}

const addOrReplace: Verb = async (world) => {
  const { client, dice, registers } = world
  const register = dice.pick(registers)
  const { options, limitMs } = patience(world, register.kind === 'split')
  const name = dice.roll() < 0.6 ? 'add' : 'replace'
  const began = register.moment()
  const { version, value } = register.put()
  const call = () => client[name](register.key, value, options)
  const { result, error } = await settle(world, `${name} ${register.key}`, limitMs, call)
  if (error !== undefined) return failed(register, version, error)
  if (result === (name === 'add')) register.sawAbsent(began, `${name} (${result})`)
  else register.sawPresent(began, `${name} (${result})`, 1)
  if (result) register.done(version)
  else register.undone(version, `${name} returned false`)
}

const cas: Verb = async (world) => {
  const { client, dice, registers, limitMs } = world
  const register = dice.pick(registers)
  const began = register.moment()
  const read = () => client.gets(register.key)
  const { result: entry } = await settle(world, `gets ${register.key}`, 3 * limitMs, read)
  if (entry === undefined) return
  register.saw(entry.value, began, 'gets')
  const { options, limitMs: storeLimitMs } = patience(world, register.kind === 'split')
  const { version, value } = register.put()
  const call = () => client.cas(register.key, value, entry.cas, options)
  const { result, error } = await settle(world, `cas ${register.key}`, storeLimitMs, call)
  if (error !== undefined) failed(register, version, error)
  else if (result === 'stored') register.done(version)
  else register.undone(version, `cas returned ${result}`)
}

const remove: Verb = async (world) => {
  const { client, dice, registers } = world
  const register = dice.pick(registers)
  const { options, limitMs } = patience(world, register.kind === 'split')
  const version = register.remove()
  const call = () => client.delete(register.key, options)
  const { error } = await settle(world, `delete ${register.key}`, limitMs, call)
  // The result tells nothing: a delete that was retried returns true for a key that is absent.
  if (error !== undefined) return failed(register, version, error)
  register.done(version)
}

const setMany: Verb = async (world) => {
  const { client, dice, registers } = world
  const { options, limitMs } = patience(world, true)
  const chosen = new Set(Array.from({ length: BATCH }, () => dice.pick(registers)))
  const puts = [...chosen].map((register) => {
    return { register, settled: register.mayRemove(), ...register.put() }
  })
  const entries = new Map(puts.map(({ register, value }) => [register.key, value]))
  const call = () => client.setMany(entries, { ...options, ttl: '1h' })
  const { result, error } = await settle(world, 'setMany', limitMs, call)
  for (const { register, version, settled } of puts) {
    const why = error ?? result?.failed.get(register.key)
    if (why === undefined) register.done(version)
    else failed(register, version, why)
    settled()
  }
  for (const why of result?.failed.values() ?? []) noteError(world.report, 'setMany', why)
}

const deleteMany: Verb = async (world) => {
  const { client, dice, registers } = world
  const { options, limitMs } = patience(world, true)
  const chosen = new Set(Array.from({ length: 4 }, () => dice.pick(registers)))
  const removals = [...chosen].map((register) => ({ register, version: register.remove() }))
  const keys = removals.map(({ register }) => register.key)
  const { result, error } = await settle(world, 'deleteMany', limitMs, () =>
    client.deleteMany(keys, options),
  )
  for (const { register, version } of removals) {
    const why = error ?? result?.failed.get(register.key)
    if (why === undefined) register.done(version)
    else failed(register, version, why)
  }
}

const incr: Verb = async (world) => {
  const { client, dice, counters } = world
  const increment = dice.pick(counters).begin()
  const { options, limitMs } = patience(world)
  const call = () => client.incr(increment.key, 1, { ...options, initial: 1 })
  const { result, error } = await settle(world, `incr ${increment.key}`, limitMs, call)
  if (error === undefined) increment.done(result)
  else if (!error.sent) increment.undone()
}

const append: Verb = async (world) => {
  const { client, dice, logs } = world
  const { options, limitMs } = patience(world)
  const { key, token, tell, missing } = dice.pick(logs).append()
  const call = () => client.append(key, token, options)
  const { result, error } = await settle(world, `append ${key}`, limitMs, call)
  if (result) tell('done')
  else if (error === undefined) missing()
  else if (!error.sent) tell('undone')
}

const makeLog: Verb = async (world) => {
  const { client, dice, logs } = world
  const log = dice.pick(logs)
  const { options, limitMs } = patience(world)
  const { key, head } = log
  const call = () => client.add(key, head, options)
  const { error } = await settle(world, `add ${key}`, limitMs, call)
  if (error === undefined) log.made(key)
}

const readLog: Verb = async (world) => {
  const { client, dice, logs } = world
  const { options, limitMs } = patience(world)
  const { key, check } = dice.pick(logs).read()
  const { result, error } = await settle(world, `get ${key}`, limitMs, () =>
    client.get(key, options),
  )
  if (error === undefined) check(result)
}

function withMoment(register: Register): [Register, ReturnType<Register['moment']>] {
  return [register, register.moment()]
}

/** How often each verb is called. */
export const PLAIN_VERBS: ReadonlyArray<readonly [Verb, number]> = [
  [get, 30],
  [set, 12],
  [getMany, 5],
  [setMany, 3],
  [deleteMany, 1],
  [remove, 3],
  [gat, 3],
  [touch, 3],
  [addOrReplace, 5],
  [cas, 4],
  [raw, 2],
  [incr, 8],
  [append, 8],
  [makeLog, 3],
  [readLog, 4],
]

export type { Verb }
