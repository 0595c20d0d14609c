// Builds the documentation site, guides and API reference: `npm run docs` writes docs/site.
// With --check it writes nothing that stays, and fails when a public name has no docstring or a
// link is broken.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { installed } from './setup.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const tools = join(root, 'docs')
const isCheck = process.argv.includes('--check')

if (!installed(tools)) process.exit(1)
const site = isCheck ? mkdtempSync(join(tmpdir(), 'mintring-site-')) : join(tools, 'site')
const isGood = build(site)
if (isCheck) rmSync(site, { recursive: true })
else if (isGood) console.log(`Open ${join(site, 'index.html')}`)
process.exit(isGood ? 0 : 1)

function build(folder) {
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
