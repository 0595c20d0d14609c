import { badArgument, checkOptionNames, tagOf } from '../arguments.ts'
import { kindOf } from '../secrets.ts'

/** What a setting must be, in words, and whether a value is that. */
export type Rule = readonly [what: string, is: (given: unknown) => boolean]

/** The rules of all settings of an object. */
export type Rules = Readonly<Record<string, Rule>>

export const FLAG: Rule = ['true or false', (given) => typeof given === 'boolean']
export const WORD: Rule = ['text, and not empty', isText]
export const WORDS: Rule = [
  'an array of texts',
  (given) => Array.isArray(given) && given.every(isText),
]

/** A whole number from `min` to `max`. */
export function whole(min: number, max: number): Rule {
  const is = (given: unknown): boolean =>
    Number.isInteger(given) && (given as number) >= min && (given as number) <= max
  return [`a whole number from ${min} to ${max}`, is]
}

/** Throws MINTRING_BAD_ARGUMENT for unknown settings of `where` and for invalid values. */
export function checkSettings(where: string, given: unknown, rules: Rules): void {
  checkOptionNames(where, given, new Set(Object.keys(rules)))
  for (const [name, value] of Object.entries(Object(given))) {
    const [what, is] = rules[name]!
    if (value === undefined || is(value)) continue
    const got = typeof value === 'number' ? value : kindOf(value)
    throw badArgument(`${where}(): ${name} must be ${what}, not ${got}`)
  }
}

export function isText(given: unknown): boolean {
  return typeof given === 'string' && given !== ''
}

export function isObject(given: unknown): given is Record<string, unknown> {
  return typeof given === 'object' && given !== null && tagOf(given) === 'Object'
}
