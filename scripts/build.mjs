// Builds dist/: every door of package.json as an ES module and as CommonJS, and the command.
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { writeCode, writeTypes, writeTypesOver } from './bundle.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const esm = join(root, 'dist/esm')
const cjs = join(root, 'dist/cjs')
const binary = join(esm, 'cli/main.js')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const packages = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
/** The doors' paths, the same under src/ and under dist/: `index`, `integrations/keyv`. */
const doors = Object.values(manifest.exports).flatMap(
  (door) => /^\.\/dist\/esm\/(.+)\.js$/.exec(door.import?.default ?? '')?.[1] ?? [],
)

rmSync(join(root, 'dist'), { recursive: true, force: true })
// generic-pool is CommonJS that requires a built-in module. A service that is bundled as an ES
// module (esbuild, serverless frameworks) cannot run that: the ES modules carry it in another form.
const imported = packages.filter((name) => name !== 'generic-pool')
await writeCode(esm, [...doors, 'cli/main', 'cli/remap-worker'], 'esm', imported)
await writeCode(cjs, doors, 'cjs', packages)
await writeTypes(cjs, doors, packages)
writeTypesOver(cjs, esm, doors)
// Without it Node would read the CommonJS files as what the package is: ES modules.
writeFileSync(join(cjs, 'package.json'), '{ "type": "commonjs" }\n')
makeExecutable(binary)

function makeExecutable(path) {
  if (!readFileSync(path, 'utf8').startsWith('#!/usr/bin/env node\n')) {
    console.error(`${path} does not start with "#!/usr/bin/env node"`)
    process.exit(1)
  }
  chmodSync(path, 0o755)
}
