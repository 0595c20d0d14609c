// Writes what is generated from the table of behaviors: the TypeScript type and the docs page.
//   node --import tsx scripts/docs-behaviors.mjs           writes
//   node --import tsx scripts/docs-behaviors.mjs --check   fails when one is not up to date
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { behaviorsPage, behaviorsType } from '../src/behaviors/generate.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const outputs = [
  ['src/behaviors/behaviors.ts', behaviorsType()],
  ['docs/behaviors.md', behaviorsPage()],
]

let outdated = 0
for (const [path, text] of outputs) {
  if (!process.argv.includes('--check')) {
    writeFileSync(root + path, text)
  } else if (readFileSync(root + path, 'utf8') !== text) {
    console.error(
      `${path} is not what the table says: run node --import tsx scripts/docs-behaviors.mjs`,
    )
    outdated++
  }
}
process.exitCode = outdated === 0 ? 0 : 1
