import { MintringError, messageOf } from '../../errors.ts'
import { kindOf } from '../../secrets.ts'
import { jsonOf, type Loss } from './loss.ts'

/**
 * Encodes a value as JSON. Throws MINTRING_BAD_VALUE for values that JSON would silently lose, at
 * any depth: functions, symbols, Map, Set, Error, promises, bytes, NaN, classes without properties.
 */
export function toJson(value: unknown): string {
  let json: string | Loss
  try {
    json = jsonOf(value)
  } catch (error) {
    const isCircle = /circular|cyclic/i.test(messageOf(error))
    const why = isCircle ? ', because it refers to itself: store a copy without it' : ''
    throw badValue(`${describe(value)} cannot be stored as JSON${why}`, error)
  }
  if (typeof json === 'string') return json
  throw lossy(json)
}

/**
 * Decodes JSON. JSON.parse creates a member named `__proto__` as an ordinary own property, and
 * there is no reviver, so input cannot change a prototype.
 */
export function fromJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    // Drop the SyntaxError of JSON.parse: it quotes the text, which is a value.
    const position = /position \d+/.exec(messageOf(error))?.[0] ?? ''
    throw badValue(`a stored value is not JSON, although its flags say so ${position}`.trimEnd())
  }
}

export function badValue(problem: string, cause?: unknown): MintringError {
  return new MintringError('MINTRING_BAD_VALUE', problem, { cause })
}

/** Returns a value's kind for messages, never its content. */
export function describe(value: unknown): string {
  if (typeof value !== 'object' || value === null) return kindOf(value)
  return `a value of class ${value.constructor?.name ?? 'Object'}`
}

function lossy({ what, path, instead }: Loss): MintringError {
  const where = path === '' ? '' : ` at ${path}`
  return badValue(
    `${what}${where} cannot be stored as JSON without loss: ${instead}, or set a serializer`,
  )
}
