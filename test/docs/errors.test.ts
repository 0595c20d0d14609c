import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readSources, root } from '../house/sources.ts'

const declared = readFileSync(join(root, 'src/errors.ts'), 'utf8')
const codes = [...declared.matchAll(/^ {2}\| '(MINTRING_[A-Z_]+)'/gm)].map((found) => found[1])

describe('the error codes', () => {
  test('are explained in docs/errors.md, each under its own heading, in order', () => {
    const page = readFileSync(join(root, 'docs/errors.md'), 'utf8')
    const headings = [...page.matchAll(/^## (MINTRING_\w+)$/gm)].map((found) => found[1])
    assert.ok(codes.length > 10)
    assert.deepEqual(headings, codes)
  })

  test('are all used in the sources', () => {
    const rest = readSources(['src']).filter((source) => source.path !== 'src/errors.ts')
    const text = rest.map((source) => source.text).join('\n')
    assert.deepEqual(
      codes.filter((code) => !text.includes(`'${code}'`)),
      [],
    )
  })
})
