// `npm run bench` runs the suites, `npm run bench -- NAME …` only the named ones, also long ones. A
// name is that of a file here. `paired REV [CASE …]` takes arguments of its own. Installs the
// packages of bench/ on first use.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { installed } from '../scripts/setup.mjs'

const SUITES = [
  'parser',
  'ring',
  'clients',
  'cold-start',
  'service',
  'lanes',
  'ablation',
  'profile',
  'memory',
  'growth',
]
const here = fileURLToPath(new URL('.', import.meta.url))
const typescript = new URL('../scripts/typescript.mjs', import.meta.url).href

const asked = process.argv.slice(2)
const [named, words] = asked[0] === 'paired' ? [['paired'], asked.slice(1)] : [asked, []]
const names = named.length > 0 ? named : SUITES
const unknown = names.filter((name) => fileOf(name) === undefined)
if (unknown.length > 0) {
  const known = readdirSync(here)
    .map((entry) => entry.replace(/\.(mjs|ts)$/, ''))
    .filter((name) => name !== 'run' && fileOf(name) !== undefined)
  console.error(`No suite ${unknown.join(', ')}. There are: ${[...new Set(known)].join(', ')}`)
  process.exit(1)
}
if (!installed(here)) process.exit(1)
for (const name of names) {
  console.log(`\n${name}`)
  const file = fileOf(name)
  const loader = file.endsWith('.ts') ? ['--expose-gc', '--import', typescript] : []
  const { status } = spawnSync(process.execPath, [...loader, file, ...words], { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

function fileOf(name) {
  const forms = ['.mjs', '.ts', '/run.mjs', `/${name}.ts`]
  return forms.map((form) => `${here}${name}${form}`).find((file) => existsSync(file))
}
