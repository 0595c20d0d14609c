import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withShortTtl } from '../../src/hosts/gutter.ts'

const cases: readonly (readonly [string, string])[] = [
  ['set k 5 0 3\r\n', 'set k 5 10 3\r\n'],
  ['set k 5 300 3\r\n', 'set k 5 10 3\r\n'],
  ['set k 5 7 3\r\n', 'set k 5 7 3\r\n'],
  ['set k 5 -1 3\r\n', 'set k 5 -1 3\r\n'],
  ['set k 5 1790000000 3\r\n', 'set k 5 10 3\r\n'],
  ['cas k 1 0 3 42\r\n', 'cas k 1 10 3 42\r\n'],
  ['ms k 3 T300 F5\r\n', 'ms k 3 T10 F5\r\n'],
  ['ms k 3 F5 T4\r\n', 'ms k 3 F5 T4\r\n'],
  ['ms k 3\r\n', 'ms k 3 T10\r\n'],
  ['ms k 3 F5\r\n', 'ms k 3 T10 F5\r\n'],
  ['get k\r\n', 'get k\r\n'],
  ['delete k\r\n', 'delete k\r\n'],
  ['incr k 1\r\n', 'incr k 1\r\n'],
]

for (const [head, short] of cases) {
  test(`what a gutter keeps for 10 s: ${head.trim()} becomes ${short.trim()}`, () => {
    assert.equal(withShortTtl(head, 10), short)
  })
}
