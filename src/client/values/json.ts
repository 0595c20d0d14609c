import { MintringError, messageOf } from '../../errors.ts'
import { kindOf } from '../../secrets.ts'
import { type Loss, lossIn } from './loss.ts'

/**
 * Encodes a value as JSON. Throws MINTRING_BAD_VALUE for values that JSON would silently lose, at
 * any depth: functions, symbols, Map, Set, Error, promises, bytes, NaN, classes without properties.
 */
export function toJson(value: unknown): string {
  let text: string | undefined
  let found: Loss | undefined
  try {
    text = JSON.stringify(value)
    found = lossIn(value)
  } catch (error) {
    found = bigintIn(value, error)
    if (found === undefined) {
      const isCircle = /circular|cyclic/i.test(messageOf(error))
      const why = isCircle ? ', because it refers to itself: store a copy without it' : ''
      throw badValue(`${describe(value)} cannot be stored as JSON${why}`, error)
    }
  }
  if (found !== undefined) throw lossy(found)
  if (text === undefined) throw badValue(`${describe(value)} cannot be stored as JSON`)
  return text
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

/** Finds the bigint that JSON.stringify rejected. A cycle ends the search. */
function bigintIn(value: unknown, refusal: unknown): Loss | undefined {
  if (!/bigint/i.test(messageOf(refusal))) return undefined
  try {
    return lossIn(value)
  } catch {
    return undefined
  }
}

function lossy({ what, path, instead }: Loss): MintringError {
  const where = path === '' ? '' : ` at ${path}`
  return badValue(
    `${what}${where} cannot be stored as JSON without loss: ${instead}, or set a serializer`,
  )
}
