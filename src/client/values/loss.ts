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

/**
 * Returns the first part of a value that JSON would silently lose, at any depth and from any realm;
 * undefined if there is none. Undefined properties do not count: they are undefined again after
 * decoding. The value must have no cycles; JSON.stringify rejects those first.
 */
export function lossIn(value: unknown): Loss | undefined {
  switch (typeof value) {
    case 'object':
      return value === null ? undefined : Array.isArray(value) ? inArray(value) : inObject(value)
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

function inArray(values: readonly unknown[]): Loss | undefined {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value === 'string') continue
    const found = lossIn(value)
    if (found !== undefined) return { ...found, path: `[${i}]${found.path}` }
  }
  return undefined
}

/** `isResult`: the value is what a toJSON() returned, whose own toJSON() JSON never calls. */
function inObject(value: object, isResult = false): Loss | undefined {
  const prototype = Object.getPrototypeOf(value)
  // Works across realms: only an Object.prototype has no prototype itself.
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null
  if (!isPlain) {
    const found = lossOfClass(value)
    if (found !== undefined) return found
  }
  if (!isResult && hasToJson(value)) return inResult(value)
  const names = Object.keys(value)
  if (!isPlain && names.length === 0) {
    return loss(`a ${classOf(value)} (JSON keeps nothing of it)`, 'convert it first')
  }
  for (const name of names) {
    const member = (value as Record<string, unknown>)[name]
    if (member === undefined || typeof member === 'string') continue
    if (isResult && name === 'toJSON') continue
    const found = lossIn(member)
    if (found !== undefined) return { ...found, path: pathOf(name) + found.path }
  }
  return undefined
}

/** Returns the loss in what the toJSON() of an object returns. */
function inResult(value: JsonMaker): Loss | undefined {
  if (types.isDate(value)) {
    if (Number.isNaN(value.getTime())) return loss('an invalid Date', 'store null')
    if (value.toJSON === Date.prototype.toJSON) return undefined
  }
  const result = value.toJSON('')
  if (typeof result !== 'object' || result === null || Array.isArray(result)) {
    // A member whose toJSON() returns undefined is undefined again after decoding.
    return result === undefined ? undefined : lossIn(result)
  }
  return inObject(result, true)
}

/** Returns the loss of a class that JSON cannot encode, even if it has properties or a toJSON. */
function lossOfClass(value: object): Loss | undefined {
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

const hasToJson = (value: object): value is JsonMaker =>
  typeof (value as { toJSON?: unknown }).toJSON === 'function'

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
