import { types } from 'node:util'

/** A part of a value that JSON would lose: what it is, and where. */
export interface Loss {
  readonly what: string
  /**
   * The path, such as `.users[3].seen`; '' for the value itself. Omits names that may be content.
   */
  readonly path: string
  /** What to store instead. */
  readonly instead: string
}

/** How deep the quick check looks. Deeper values, and values with cycles, get the slow one. */
const QUICK_LEVELS = 32

/** Found by the quick check: only the slow check can decide, because it calls toJSON(). */
const UNDECIDED = Symbol('undecided')

/**
 * Encodes a value as JSON. Returns the first part instead that JSON would silently lose, at any
 * depth and from any realm. Undefined properties do not count: they are undefined again after
 * decoding. Calls each toJSON() once, so that what was checked is what is stored. Throws what
 * JSON.stringify throws, such as for cycles.
 */
export function jsonOf(value: unknown): string | Loss {
  const found = quickLoss(value, 0)
  if (found === undefined) return JSON.stringify(value)
  return found === UNDECIDED ? checkedJson(value) : found
}

/** Calls no toJSON(), so that JSON.stringify can run without a replacer, which is much faster. */
function quickLoss(value: unknown, depth: number): Loss | typeof UNDECIDED | undefined {
  if (typeof value !== 'object' || value === null) {
    const isObject = typeof value === 'bigint' || typeof value === 'function'
    return isObject && hasToJson(value) ? UNDECIDED : lossOf(value)
  }
  if (depth === QUICK_LEVELS) return UNDECIDED
  const found = lossOfClass(value)
  if (found !== undefined) return found
  if (hasToJson(value)) return isPlainDate(value) ? undefined : UNDECIDED
  return Array.isArray(value) ? inArray(value, depth) : inObject(value, depth)
}

function inArray(values: readonly unknown[], depth: number): ReturnType<typeof quickLoss> {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value === 'string') continue
    const found = quickLoss(value, depth + 1)
    if (found !== undefined) return under(`[${i}]`, found)
  }
  return undefined
}

function inObject(value: object, depth: number): ReturnType<typeof quickLoss> {
  const names = Object.keys(value)
  if (names.length === 0) return lossOfEmpty(value)
  for (const name of names) {
    const member = (value as Record<string, unknown>)[name]
    if (member === undefined || typeof member === 'string') continue
    const found = quickLoss(member, depth + 1)
    if (found !== undefined) return under(pathOf(name), found)
  }
  return undefined
}

const under = (path: string, found: Loss | typeof UNDECIDED): Loss | typeof UNDECIDED =>
  found === UNDECIDED ? found : { ...found, path: path + found.path }

/** Encodes a value with a replacer, which sees what each toJSON() returned. */
function checkedJson(value: unknown): string | Loss {
  const paths = new Map<unknown, string>()
  let found: Loss | undefined
  function check(this: unknown, name: string, result: unknown): unknown {
    if (found !== undefined) return undefined
    const holder = paths.get(this)
    const isInArray = Array.isArray(this)
    const path = holder === undefined ? '' : holder + (isInArray ? `[${name}]` : pathOf(name))
    const isMember = holder !== undefined && !isInArray
    // The result of a toJSON() may have one itself, which JSON leaves out and does not call.
    if (isMember && name === 'toJSON' && typeof result === 'function') return undefined
    const lost = lossOfResult((this as Record<string, unknown>)[name], result, isMember)
    if (lost !== undefined) {
      found = { ...lost, path }
      return undefined
    }
    if (typeof result === 'object') paths.set(result, path)
    return result
  }
  const text = JSON.stringify(value, check)
  return found ?? text
}

/** `isMember`: a member of an object, which is undefined again after decoding. */
function lossOfResult(original: unknown, result: unknown, isMember: boolean): Loss | undefined {
  if (typeof original === 'object' && original !== null) {
    const lost = lossOfClass(original)
    if (lost !== undefined) return lost
    if (result === null && types.isDate(original)) return loss('an invalid Date', 'store null')
  }
  if (result === undefined && isMember) return undefined
  if (typeof result !== 'object' || result === null) return lossOf(result)
  return lossOfClass(result) ?? (Object.keys(result).length === 0 ? lossOfEmpty(result) : undefined)
}

/** Returns the loss of a value that is no object. */
function lossOf(value: unknown): Loss | undefined {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : loss(`the number ${value}`, 'store null')
    case 'undefined':
      return loss('undefined', 'store null')
    case 'function':
    case 'symbol':
    case 'bigint':
      return loss(`a ${typeof value}`, typeof value === 'bigint' ? 'String() it' : 'leave it out')
    default:
      return undefined
  }
}

/** Returns the loss of an object of a class without properties: JSON would store `{}`. */
function lossOfEmpty(value: object): Loss | undefined {
  if (isOrdinary(value)) return undefined
  return loss(`a ${classOf(value)} (JSON keeps nothing of it)`, 'convert it first')
}

/** Whether it is a plain object or an array, of any realm. */
function isOrdinary(value: object): boolean {
  if (Array.isArray(value)) return true
  // Only an Object.prototype has no prototype itself.
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** Whether it is a valid Date, whose toJSON() is the ordinary one. */
function isPlainDate(value: object): boolean {
  return (
    types.isDate(value) &&
    (value as JsonMaker).toJSON === Date.prototype.toJSON &&
    !Number.isNaN(value.getTime())
  )
}

/** Returns the loss of a class that JSON cannot encode, even if it has properties or a toJSON. */
function lossOfClass(value: object): Loss | undefined {
  if (isOrdinary(value)) return undefined
  if (types.isPromise(value) || typeof (value as PromiseLike<unknown>).then === 'function') {
    return loss('a promise (or a query that was not run)', 'await it')
  }
  if (types.isNativeError(value)) return loss('an Error', 'store its name and message')
  if (types.isMap(value)) return loss('a Map', 'store [...map] or Object.fromEntries(map)')
  if (types.isSet(value)) return loss('a Set', 'store [...set]')
  const isBytes = types.isAnyArrayBuffer(value) || 'BYTES_PER_ELEMENT' in value
  if (isBytes || types.isDataView(value)) {
    return loss('bytes', 'store a Buffer or Uint8Array by itself, or base64 text')
  }
  return undefined
}

interface JsonMaker {
  toJSON(key: string): unknown
}

const hasToJson = (value: unknown): value is JsonMaker =>
  typeof (value as Partial<JsonMaker>).toJSON === 'function'

function loss(what: string, instead: string): Loss {
  return { what, path: '', instead }
}

function classOf(value: object): string {
  const name: unknown = value.constructor?.name
  return typeof name === 'string' && name !== '' ? name : 'nameless object'
}

/** Returns a property's path for an error; hides names that may be content of the value. */
function pathOf(name: string): string {
  return /^[a-z_$][\w$]{0,40}$/i.test(name) ? `.${name}` : '[…]'
}
