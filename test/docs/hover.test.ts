import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../house/sources.ts'

/** The verbs that new users call first. */
const VERBS = [
  ...['get', 'gets', 'gat', 'getMany', 'set', 'add', 'replace', 'cas', 'setMany', 'deleteMany'],
  ...['incr', 'decr', 'delete', 'touch', 'append', 'getOrSet', 'getOrSetMany', 'refresh'],
  ...['invalidate', 'define', 'hosts', 'locate', 'configure', 'close'],
]

test('the hover text of the most used verbs has an example that calls them', () => {
  const text = readFileSync(join(root, 'src/client/client.ts'), 'utf8')
  const missing = VERBS.filter((verb) => !new RegExp(`@example .*cache\\.${verb}[(<]`).test(text))
  assert.deepEqual(missing, [])
})
