import { MintringError } from '../errors.ts'
import { didYouMean } from '../ring/suggest.ts'

/** The range of a number, bounds included. */
export interface NumberRule {
  readonly min: number
  readonly max: number
  /** Whether the argument must be a whole number. */
  readonly isWhole?: boolean
}

/**
 * What an argument may be: a number, a word, a list of words, or something that is checked
 * elsewhere.
 */
export type ArgumentRule =
  | NumberRule
  | readonly string[]
  | { readonly listOf: readonly string[] }
  | 'boolean'
  | 'function'
  | 'checked elsewhere'

/**
 * Checks the arguments of a simulation by name. An explicit `undefined` means the default.
 *
 * @throws MintringError MINTRING_BAD_ARGUMENT that names the argument, what it may be and what it
 * is.
 */
export function checkArguments(
  simulation: string,
  input: object,
  rules: Readonly<Record<string, ArgumentRule>>,
): void {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw badSimulation(simulation, `the arguments must be an object, not ${shown(input)}`)
  }
  for (const [name, value] of Object.entries(input)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (rule === undefined) {
      const hint = didYouMean(name, Object.keys(rules))
      throw badSimulation(simulation, `there is no argument '${name.slice(0, 40)}'.${hint}`)
    }
    if (value === undefined || isAllowed(rule, value)) continue
    throw badSimulation(simulation, `${name} must be ${expected(rule)}, not ${shown(value)}`)
  }
}

/** Creates the MINTRING_BAD_ARGUMENT error of a simulation. */
export function badSimulation(simulation: string, why: string): MintringError {
  return new MintringError('MINTRING_BAD_ARGUMENT', `Bad ${simulation}: ${why}`)
}

function isAllowed(rule: ArgumentRule, value: unknown): boolean {
  if (rule === 'checked elsewhere') return true
  if (typeof rule === 'string') return typeof value === rule
  if (Array.isArray(rule)) return rule.includes(value)
  if ('listOf' in rule) {
    const isList = Array.isArray(value) && value.length > 0
    return isList && value.every((word) => rule.listOf.includes(word))
  }
  const { min, max, isWhole = false } = rule as NumberRule
  if (typeof value !== 'number' || (isWhole && !Number.isInteger(value))) return false
  return value >= min && value <= max
}

function expected(rule: ArgumentRule): string {
  if (rule === 'boolean') return 'true or false'
  if (rule === 'function' || rule === 'checked elsewhere') return 'a function'
  if (Array.isArray(rule)) return `one of ${rule.join(', ')}`
  if ('listOf' in rule) return `a list of one or more of ${rule.listOf.join(', ')}`
  const { min, max, isWhole = false } = rule as NumberRule
  return `a ${isWhole ? 'whole number' : 'number'} from ${min} to ${max}`
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 40)}'`
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? 'a list' : 'an object'
  return String(value).slice(0, 40)
}
