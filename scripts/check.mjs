// Everything except the tests: `npm run check`, parts of it: `npm run check -- types lint`, or
// everything except some parts: `npm run check -- --without house docs`.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { installed } from './setup.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
process.chdir(root)

const checks = new Map([
  ['types', () => run('node_modules/typescript/lib/tsc.js', '--noEmit')],
  ['lint', () => run('node_modules/@biomejs/biome/bin/biome', 'ci', '--colors=off', '.')],
  ['house', () => run('scripts/test.mjs', 'test/ladder.test.ts', 'test/house')],
  ['docs', () => run('scripts/test.mjs', 'test/docs')],
  ['site', () => run('scripts/docs.mjs', '--check')],
  [
    'generated',
    () => run('--import', './scripts/typescript.mjs', 'scripts/docs-behaviors.mjs', '--check'),
  ],
])
// Tests that need other packages are in folders with their own lock file.
for (const folder of readdirSync('test').sort()) {
  if (existsSync(join('test', folder, 'package.json'))) checks.set(folder, () => testsOf(folder))
}

const isWithout = process.argv[2] === '--without'
const named = process.argv.slice(isWithout ? 3 : 2)
const unknown = named.filter((name) => !checks.has(name))
if (unknown.length > 0) {
  console.error(
    `No such check: ${unknown.join(', ')}. There are: ${[...checks.keys()].join(', ')}.`,
  )
  process.exit(2)
}
const others = [...checks.keys()].filter((name) => !named.includes(name))
const results = (isWithout || named.length === 0 ? others : named).map(report)
for (const { name, isGood, seconds } of results) {
  console.log(`${isGood ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
}
process.exit(results.every((result) => result.isGood) ? 0 : 1)

function report(name) {
  console.log(`\n── ${name}`)
  const startMs = performance.now()
  const isGood = checks.get(name)()
  return { name, isGood, seconds: Math.round((performance.now() - startMs) / 1000) }
}

function run(script, ...args) {
  return spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' }).status === 0
}

function testsOf(folder) {
  return installed(join(root, 'test', folder)) && run('scripts/test.mjs', join('test', folder))
}
