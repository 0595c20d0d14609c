import { MintringError } from '../errors.ts'
import { escaped, kindOf } from '../secrets.ts'

/**
 * Limits of tags. They are those of Next.js, which has the longest and the most tags of all
 * adapters.
 */
const MAX_TAGS = 128
const MAX_TAG_CHARACTERS = 256
/**
 * The names are stored with the value, and the length of their text in four hexadecimal digits,
 * which limits it.
 */
const MAX_TEXT_CHARACTERS = 0xffff

/** The text of an empty list of names. */
export const NO_TAGS = '[]'

/**
 * Returns the tags of a loaded value. Declared as a method, so that callers may narrow the value's
 * type.
 */
export type TagsOf = {
  /** Returns the tag names for a loaded value. */
  of(value: unknown): readonly string[]
}['of']

/** The tags of a policy: names, or a function that returns them for a loaded value. */
export type Tags = readonly string[] | TagsOf

/**
 * Returns the names as one ASCII text, sorted and without duplicates. It is stored with values and
 * identifies a set of tags. Throws MINTRING_BAD_POLICY for invalid tags.
 */
export function tagText(names: readonly string[]): string {
  checkTags(names)
  const sorted = names.length < 2 ? names : [...new Set(names)].sort()
  if (sorted.length > MAX_TAGS) {
    const found = `a value must have at most ${MAX_TAGS} tags, not ${sorted.length}`
    throw bad(`${found}: give it one tag for what changes together`)
  }
  const text = JSON.stringify(sorted).replace(/[\u007f-\uffff]/g, escapedUnit)
  if (text.length > MAX_TEXT_CHARACTERS)
    throw bad('the tags of a value must be at most 64 KB together')
  return text
}

/** Throws MINTRING_BAD_POLICY unless all are valid tags. */
export function checkTags(names: unknown): asserts names is readonly string[] {
  if (!Array.isArray(names)) {
    const isOne = typeof names === 'string'
    const instead = isOne ? `: write ['${escaped(names, 40)}']` : asArray(names, 'tags')
    throw bad(`tags must be an array of strings, not ${kindOf(names)}${instead}`)
  }
  for (const name of names) checkTag(name)
}

function checkTag(name: unknown): void {
  if (typeof name !== 'string') throw bad(`a tag must be a string, not ${kindOf(name)}`)
  if (name === '') throw bad('a tag must not be empty')
  if (name.length > MAX_TAG_CHARACTERS) {
    const given = `'${escaped(name, 20)}' has ${name.length}`
    throw bad(`a tag must be at most ${MAX_TAG_CHARACTERS} characters: ${given}`)
  }
  if (/\p{Surrogate}/u.test(name))
    throw bad(`the tag '${escaped(name, 40)}' has half a surrogate pair`)
}

/** Returns a hint for a message about a value that should have been an array. */
export function asArray(given: unknown, name: string): string {
  return Symbol.iterator in Object(given) ? `: write [...${name}]` : ''
}

function escapedUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function bad(message: string): MintringError {
  return new MintringError('MINTRING_BAD_POLICY', message)
}
