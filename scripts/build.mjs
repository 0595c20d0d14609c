// Builds dist/: the same sources by plain tsc, once as ES modules and once as CommonJS.
import { spawnSync } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const compiler = createRequire(import.meta.url).resolve('typescript/lib/tsc.js')
const binary = join(root, 'dist/esm/cli/main.js')

rmSync(join(root, 'dist'), { recursive: true, force: true })
compile('esm')
compile('cjs')
// Without it Node would read the CommonJS files as what the package is: ES modules.
writeFileSync(join(root, 'dist/cjs/package.json'), '{ "type": "commonjs" }\n')
makeExecutable(binary)

function compile(format) {
  const config = join(root, 'scripts', `tsconfig.${format}.json`)
  const run = spawnSync(process.execPath, [compiler, '-p', config], { stdio: 'inherit' })
  if (run.status !== 0) process.exit(run.status ?? 1)
  nameBuiltFiles(join(root, 'dist', format))
}

/** tsc leaves `./x.ts` in declarations, which TypeScript before 5 refuses to follow. */
function nameBuiltFiles(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.name.endsWith('.d.ts')) continue
    const path = join(entry.parentPath, entry.name)
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace(/((?:from|import) ?\(?['"]\.[^'"]*)\.ts(?=['"])/g, '$1.js'))
  }
}

function makeExecutable(path) {
  if (!readFileSync(path, 'utf8').startsWith('#!/usr/bin/env node\n')) {
    console.error(`${path} does not start with "#!/usr/bin/env node"`)
    process.exit(1)
  }
  chmodSync(path, 0o755)
}
