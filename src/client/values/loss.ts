import { types } from 'node:util'

/** Something JSON would lose: what it is, and where in the value. */
export interface Loss {
  readonly what: string
  /** `.users[3].seen`; '' for the value itself. Names that may be content are left out. */
  readonly path: string
  /** What to do instead. */
  readonly instead: string
}

/**
 * What JSON would lose of a value without a word, at any depth and from any realm; undefined when
 * it loses nothing. Properties that are undefined may go: they read as undefined again.
 * The value must be free of circles: JSON.stringify has refused those before.
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

function inObject(value: object): Loss | undefined {
  const prototype = Object.getPrototypeOf(value)
  // Of any realm: Object.prototype is the one prototype that has none itself.
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null
  if (!isPlain) {
    const found = lossOfClass(value)
    if (found !== undefined || hasToJson(value)) return found
  } else if (hasToJson(value)) return undefined
  const names = Object.keys(value)
  if (!isPlain && names.length === 0) {
    return loss(`a ${classOf(value)} (JSON keeps nothing of it)`, 'convert it first')
  }
  for (const name of names) {
    const member = (value as Record<string, unknown>)[name]
    if (member === undefined || typeof member === 'string') continue
    const found = lossIn(member)
    if (found !== undefined) return { ...found, path: pathOf(name) + found.path }
  }
  return undefined
}

/** What no JSON can hold, even where it has properties or a toJSON of its own. */
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

const hasToJson = (value: object): boolean =>
  typeof (value as { toJSON?: unknown }).toJSON === 'function'

function loss(what: string, instead: string): Loss {
  return { what, path: '', instead }
}

function classOf(value: object): string {
  const name: unknown = value.constructor?.name
  return typeof name === 'string' && name !== '' ? name : 'nameless object'
}

/** A name that is no identifier may be content, such as an address that entries are kept under. */
function pathOf(name: string): string {
  return /^[a-z_$][\w$]{0,40}$/i.test(name) ? `.${name}` : '[…]'
}
