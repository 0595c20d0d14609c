// Writes docs/api/, one page per door, out of the docstrings: `npm run docs:api`.
// With --check it writes elsewhere and fails if a public name is undocumented or a page is stale.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { installed } from './setup.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const tools = join(root, 'docs')
const committed = join(root, 'docs', 'api')
const isCheck = process.argv.includes('--check')

if (!installed(tools)) process.exit(1)
if (!isCheck) process.exit(write(committed) ? 0 : 1)
const fresh = mkdtempSync(join(tmpdir(), 'mintring-api-'))
const isGood = write(fresh) && sameAs(fresh)
rmSync(fresh, { recursive: true })
process.exit(isGood ? 0 : 1)

function write(folder) {
  const cli = join(tools, 'node_modules', 'typedoc', 'bin', 'typedoc')
  const args = ['--options', join(tools, 'typedoc.json'), '--out', folder, ...doors()]
  return spawnSync(process.execPath, [cli, ...args], { cwd: root, stdio: 'inherit' }).status === 0
}

/** The sources of the package's doors, as package.json opens them. */
function doors() {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const built = Object.values(manifest.exports).flatMap((door) => door.import?.default ?? [])
  return built.map((path) => path.replace('./dist/esm/', 'src/').replace(/\.js$/, '.ts'))
}

function sameAs(folder) {
  const names = new Set([
    ...readdirSync(folder),
    ...(existsSync(committed) ? readdirSync(committed) : []),
  ])
  const stale = [...names].filter((name) => textOf(folder, name) !== textOf(committed, name))
  for (const name of stale) console.error(`docs/api/${name} is stale: run npm run docs:api`)
  return stale.length === 0
}

function textOf(folder, name) {
  const path = join(folder, name)
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}
