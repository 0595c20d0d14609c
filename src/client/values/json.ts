import { MintringError } from '../../errors.ts'

/**
 * A value as JSON. Rejects with MINTRING_BAD_VALUE what JSON would lose without a word: undefined,
 * functions, symbols, Map, Set, promises, typed arrays other than Uint8Array.
 */
export function toJson(value: unknown): string {
  if (losesContent(value)) {
    throw badValue(`${describe(value)} cannot be stored as JSON without loss; convert it first`)
  }
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw badValue(`${describe(value)} cannot be stored as JSON`, error)
  }
  if (text === undefined) throw badValue(`${describe(value)} cannot be stored as JSON`)
  return text
}

/**
 * JSON to a value. JSON.parse makes a member named `__proto__` an own property like any other, so
 * no prototype changes, and there is no reviver that could assign one.
 */
export function fromJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    // The SyntaxError of JSON.parse quotes the text, which is a value: it is not passed on.
    const position = error instanceof Error ? (/position \d+/.exec(error.message)?.[0] ?? '') : ''
    throw badValue(`a stored value is not JSON as its flags say ${position}`.trimEnd())
  }
}

export function badValue(problem: string, cause?: unknown): MintringError {
  return new MintringError('MINTRING_BAD_VALUE', problem, { cause })
}

/** A value's kind, for messages: never its content. */
export function describe(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `a value of type ${typeof value}`
  return `a value of class ${value.constructor?.name ?? 'Object'}`
}

function losesContent(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return (
    value instanceof Map ||
    value instanceof Set ||
    value instanceof Promise ||
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value)
  )
}
