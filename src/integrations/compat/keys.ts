import { createHash } from 'node:crypto'
import { BadCall } from './call.ts'

/** How keys are made. */
export interface KeyRules {
  readonly namespace: string
  readonly maxKeySize: number
  readonly keyCompression: boolean
}

/** The key with the namespace before it; what is no string becomes one, as in that package. */
export function fullKeyOf(rules: KeyRules, key: string): string {
  return `${rules.namespace}${key}`
}

/**
 * The key as the npm package `memcached` has it on the wire: the namespace before it, and the hex
 * MD5 of both where they are too long. Throws what that package calls back with.
 */
export function wireKeyOf(rules: KeyRules, key: string): string {
  const full = fullKeyOf(rules, key)
  if (Buffer.byteLength(full) > rules.maxKeySize) {
    if (rules.keyCompression) return createHash('md5').update(full).digest('hex')
    const limit = `longer than the maximum allowed length of ${rules.maxKeySize}`
    throw new BadCall(`Argument "key" is ${limit}`)
  }
  if (/\s/.test(full)) {
    throw new BadCall('The key should not contain any whitespace or new lines')
  }
  return full
}
