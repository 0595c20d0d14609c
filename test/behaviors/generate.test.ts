import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { behaviorsPage, behaviorsType } from '../../src/behaviors/generate.ts'
import { rows } from '../../src/behaviors/table.ts'

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const HINT = 'run: node --import ./scripts/typescript.mjs scripts/docs-behaviors.mjs'

it('the committed behaviors type is what the generator makes from the table', () => {
  assert.equal(read('src/behaviors/behaviors.ts'), behaviorsType(), HINT)
})

it('docs/behaviors.md is what the generator makes from the table, and names every behavior', () => {
  const page = read('docs/behaviors.md')
  assert.equal(page, behaviorsPage(), HINT)
  for (const { name } of rows) assert.match(page, new RegExp(`^### \`${name}\`$`, 'm'))
})
