import { secondsIn } from '../duration.ts'
import { MintringError } from '../errors.ts'
import { didYouMean } from '../ring/suggest.ts'
import { escaped, kindOf, nameShown } from '../secrets.ts'
import type { Row } from './row.ts'

/**
 * Checks a value for a behavior and returns what the behavior then holds. An object of fields is
 * merged into the `current` one.
 *
 * @throws MintringError MINTRING_BAD_BEHAVIOR that names the behavior, what it takes and what it
 * got.
 */
export function parseValue(
  row: Row,
  value: unknown,
  current: unknown = row.default,
  path: string = row.name,
): unknown {
  if (value === row.default || row.words?.includes(value as string)) return value
  if (row.fields !== undefined) return readFields(row, value, current, path)
  if (row.type === 'object' && typeof value === 'string' && row.choices !== undefined) {
    return readChoice(row, value, path)
  }
  const read = row.type === 'seconds' ? secondsOf(value) : value
  if (!hasType(row, read)) throw bad(row, value, path)
  if (row.type === 'choice') return readChoice(row, read, path)
  if (typeof read === 'number' && !inRange(row, read)) throw bad(row, value, path)
  const complaint = row.check?.(read)
  if (complaint !== undefined) throw badBehavior(`${path} ${complaint}`)
  return read
}

/** Describes what a behavior takes: `a whole number of milliseconds from 1 to 86400000`. */
export function expectation(row: Row): string {
  const unit = { ms: ' of milliseconds', s: ' of seconds', bytes: ' of bytes', none: '' }
  const range = row.min === undefined ? '' : ` from ${row.min} to ${row.max}`
  switch (row.type) {
    case 'boolean':
      return 'true or false'
    case 'integer':
      return `a whole number${unit[row.unit ?? 'none']}${range}`
    case 'number':
      return `a number${range}`
    case 'seconds': {
      const words = (row.words ?? []).map((word) => `, or '${word}'`).join('')
      return `a whole number of seconds${range}, or a duration such as '5m'${words}`
    }
    case 'string':
      return 'a string'
    case 'choice':
      return `one of ${(row.choices ?? []).map((choice) => `'${choice}'`).join(', ')}`
    case 'object':
      return row.fields === undefined
        ? 'an object'
        : `an object with ${row.fields.map((field) => field.name).join(', ')}`
  }
}

/** Creates a MINTRING_BAD_BEHAVIOR error. */
export function badBehavior(message: string): MintringError {
  return new MintringError('MINTRING_BAD_BEHAVIOR', message)
}

function readFields(
  row: Row,
  value: unknown,
  current: unknown,
  path: string,
): Record<string, unknown> {
  const fields = row.fields ?? []
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw bad(row, value, path)
  }
  const names = fields.map((field) => field.name)
  for (const name of Object.keys(value)) {
    if (names.includes(name)) continue
    throw badBehavior(`${path} has no field '${nameShown(name)}'.${didYouMean(name, names)}`)
  }
  const given = value as Record<string, unknown>
  const read = { ...(current as Record<string, unknown>) }
  for (const field of fields) {
    if (given[field.name] === undefined) continue
    read[field.name] = parseValue(field, given[field.name], field.default, `${path}.${field.name}`)
  }
  return Object.freeze(read)
}

function readChoice(row: Row, value: unknown, path: string): unknown {
  const choices = row.choices ?? []
  if (choices.includes(value as string)) return value
  const hint = typeof value === 'string' ? didYouMean(value, choices) : ''
  const got = hint === '' ? shown(row, value) : `'${escaped(value as string)}'`
  throw badBehavior(`${path} takes ${oneOf(choices)}, got ${got}.${hint}`)
}

const oneOf = (choices: readonly string[]): string =>
  `one of ${choices.map((choice) => `'${choice}'`).join(', ')}`

function hasType(row: Row, value: unknown): boolean {
  switch (row.type) {
    case 'boolean':
      return typeof value === 'boolean'
    case 'integer':
    case 'seconds':
      return Number.isInteger(value)
    case 'number':
      return typeof value === 'number' && Number.isFinite(value)
    case 'string':
      return typeof value === 'string'
    // parseValue() itself checks choices, and `check` of the row checks objects.
    case 'choice':
    case 'object':
      return true
  }
}

function inRange(row: Row, value: number): boolean {
  return value >= (row.min ?? -Infinity) && value <= (row.max ?? Infinity)
}

/** Converts `'5m'` to 300; returns anything else unchanged. */
function secondsOf(value: unknown): unknown {
  if (typeof value !== 'string') return value
  const seconds = secondsIn(value)
  return Number.isNaN(seconds) ? value : seconds
}

function bad(row: Row, value: unknown, path: string): MintringError {
  return badBehavior(`${path} takes ${expectation(row)}, got ${shown(row, value)}`)
}

const WORD = /^[a-z_ -]{0,40}$/i

/** Returns a value for a message: short, and never a secret. */
function shown(row: Row, value: unknown): string {
  if (row.secret === true) return kindOf(value)
  // A string that is not one plain word may be a misplaced address or password.
  if (typeof value === 'string') return WORD.test(value) ? `'${value}'` : 'a string'
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : kindOf(value)
}
