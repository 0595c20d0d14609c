import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { behaviorsPage, behaviorsType } from '../../src/behaviors/generate.ts'
import { rows } from '../../src/behaviors/table.ts'

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const HINT = 'run: node --import tsx scripts/docs-behaviors.mjs'

it('the type is the one the table says', () => {
  assert.equal(read('src/behaviors/behaviors.ts'), behaviorsType(), HINT)
})

it('docs/behaviors.md is the one the table says, and names every behavior', () => {
  const page = read('docs/behaviors.md')
  assert.equal(page, behaviorsPage(), HINT)
  for (const { name } of rows) assert.match(page, new RegExp(`^### \`${name}\`$`, 'm'))
})
