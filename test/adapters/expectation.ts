import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'

/** The few vitest matchers that the suites of other packages use. */
export interface Expectation {
  toBe(expected: unknown): void
  toEqual(expected: unknown): void
  toBeTruthy(): void
  toBeFalsy(): void
  toBeNull(): void
  toBeDefined(): void
  toBeUndefined(): void
}

export function expectation(actual: unknown): Expectation {
  return {
    toBe: (expected) => assert.equal(actual, expected),
    toEqual: (expected) => assert.ok(isDeepStrictEqual(actual, expected), `${actual}`),
    toBeTruthy: () => assert.ok(actual),
    toBeFalsy: () => assert.ok(!actual),
    toBeNull: () => assert.equal(actual, null),
    toBeDefined: () => assert.notEqual(actual, undefined),
    toBeUndefined: () => assert.equal(actual, undefined),
  }
}
