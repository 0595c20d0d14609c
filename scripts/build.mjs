// Builds dist/: every door of package.json, to import and to require, and the command.
import { chmodSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { writeCode, writeModules, writeTypes, writeTypesOver } from './bundle.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const esm = join(root, 'dist/esm')
const cjs = join(root, 'dist/cjs')
const binary = join(cjs, 'cli/main.js')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const packages = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
/** The doors' paths, the same under src/ and under dist/: `index`, `integrations/keyv`. */
const doors = Object.values(manifest.exports).flatMap(
  (door) => /^\.\/dist\/esm\/(.+)\.js$/.exec(door.import?.default ?? '')?.[1] ?? [],
)

rmSync(join(root, 'dist'), { recursive: true, force: true })
// generic-pool is carried along: see bundle.mjs.
const imported = packages.filter((name) => name !== 'generic-pool')
const exported = await writeCode(cjs, [...doors, 'cli/main', 'cli/remap-worker'], imported)
writeModules(cjs, esm, Object.fromEntries(doors.map((door) => [door, exported[door]])))
await writeTypes(cjs, doors, packages, exported)
writeTypesOver(cjs, esm, doors)
makeExecutable(binary)

function makeExecutable(path) {
  if (!readFileSync(path, 'utf8').startsWith('#!/usr/bin/env node\n')) {
    console.error(`${path} does not start with "#!/usr/bin/env node"`)
    process.exit(1)
  }
  chmodSync(path, 0o755)
}
