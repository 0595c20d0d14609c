// Writes what is generated from tables in the code: the TypeScript type and the page of behaviors,
// and the tables of OpenTelemetry.
// With --check it fails when one is not up to date.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { behaviorsPage, behaviorsType } from '../src/behaviors/generate.ts'
import { ATTRIBUTES, INSTRUMENTS } from '../src/integrations/otel-instruments.ts'

const COMMAND = 'node --import ./scripts/typescript.mjs scripts/docs-behaviors.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const outputs = [
  ['src/behaviors/behaviors.ts', behaviorsType()],
  ['docs/behaviors.md', behaviorsPage()],
  ['docs/observability.md', withTables(readFileSync(`${root}docs/observability.md`, 'utf8'))],
]

let outdated = 0
for (const [path, text] of outputs) {
  if (!process.argv.includes('--check')) {
    writeFileSync(root + path, text)
  } else if (readFileSync(root + path, 'utf8') !== text) {
    console.error(`${path} is not what the table says: run ${COMMAND}`)
    outdated++
  }
}
process.exitCode = outdated === 0 ? 0 : 1

/** The page, with the tables between its two comments regenerated. */
function withTables(page) {
  const attributes = ATTRIBUTES.map(
    ([name, spans, meaning]) => `| \`${name}\` | ${spans} | ${meaning} |`,
  )
  const metrics = INSTRUMENTS.map(
    ({ name, kind, unit, description }) => `| \`${name}\` | ${kind}, ${unit} | ${description} |`,
  )
  const tables = [
    '',
    '| attribute | spans | |',
    '| --- | --- | --- |',
    ...attributes,
    '',
    '| metric | kind, unit | |',
    '| --- | --- | --- |',
    ...metrics,
    '',
    '',
  ].join('\n')
  const [start, end] = [/<!-- opentelemetry:.*-->\n/, '<!-- /opentelemetry -->']
  const begin = start.exec(page)
  const head = page.slice(0, begin.index + begin[0].length)
  return head + tables + page.slice(page.indexOf(end))
}
