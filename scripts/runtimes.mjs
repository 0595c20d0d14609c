// Runs the tests on other runtimes, which npm installs without an install script:
//   npm run runtimes                        all of them
//   npm run runtimes -- node@22 bun         some of them
//   npm run runtimes -- node@22 -- test/ring    with some of the tests
// Node runs everything that npm test runs. Bun and Deno run our node:test files with their own test
// runners; tests that start programs or servers of their own run only in Node.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
process.chdir(root)

const platform = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
const runtimes = new Map([
  ...['20.19.0', '22', '24', '26'].map((version) => [
    `node@${version}`,
    {
      packages: [`node-${platform}@${version}`],
      binaries: [`node-${platform}/bin/node`, `node-${platform}/bin/node.exe`],
      args: (places) => ['scripts/test.mjs', ...places],
      everything: [],
    },
  ]),
  ['bun', { packages: ['bun@1'], ...others('@oven', 'bin/bun', bunArgs) }],
  ['deno', { packages: ['deno@2'], ...others('@deno', 'deno', denoArgs) }],
])

const [names, places] = asked(process.argv.slice(2))
const unknown = names.filter((name) => !runtimes.has(name))
if (unknown.length > 0) {
  console.error(
    `No such runtime: ${unknown.join(', ')}. There are: ${[...runtimes.keys()].join(', ')}.`,
  )
  process.exit(2)
}
const outcomes = (names.length > 0 ? names : [...runtimes.keys()]).map(tried)
console.log('\nruntime        version     tests   passed  failed  outcome')
for (const outcome of outcomes) console.log(outcome.line)
process.exit(outcomes.every((outcome) => outcome.isGood) ? 0 : 1)

/** The arguments before and after a lone `--`: runtimes, and paths of tests. */
function asked(given) {
  const split = given.indexOf('--')
  return split < 0 ? [given, []] : [given.slice(0, split), given.slice(split + 1)]
}

/** Bun and Deno have a separate package per platform. */
function others(scope, path, args) {
  const rooms = ['protocol', 'ring', 'refill', 'embedded', 'net', 'hosts', 'behaviors', 'client']
  return { scope, path, args, everything: rooms.map((room) => `test/${room}`) }
}

function bunArgs(places) {
  return ['--no-install', 'test', '--timeout', '60000', ...places.map((place) => `./${place}`)]
}

function denoArgs(places) {
  return ['test', '-A', '--no-check', '--no-lock', '--node-modules-dir=manual', ...places]
}

function tried(name) {
  console.log(`\n── ${name}`)
  const runtime = runtimes.get(name)
  const binary = installed(name, runtime)
  if (!binary) return told(name, '-', undefined, 'could not be had')
  const version = output(binary, ['--version']).match(/\d+\.\d+\.\d+/)?.[0] ?? '?'
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' }
  const args = runtime.args(places.length > 0 ? places : runtime.everything)
  const run = spawnSync(binary, args, { env, encoding: 'utf8', maxBuffer: 2 ** 30 })
  const said = run.stdout + run.stderr
  const counts = countsOf(said)
  const isGood = run.status === 0 && (counts?.passed ?? 0) > 0
  if (!isGood) console.log(failuresOf(said))
  return told(name, version, counts, isGood ? 'ok' : `FAILED (exit ${run.status})`, isGood)
}

/** Installs a runtime once into node_modules/.cache, and returns the path of its program. */
function installed(name, runtime) {
  const folder = join(root, 'node_modules', '.cache', 'runtimes', name.replace('@', '-'))
  const modules = join(folder, 'node_modules')
  if (!binaryIn(modules, runtime)) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    const cli = process.env.npm_execpath
    const [file, head] = cli ? [process.execPath, [cli]] : ['npm', []]
    const options = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    spawnSync(file, [...head, ...options, ...runtime.packages], { cwd: folder, stdio: 'inherit' })
  }
  return binaryIn(modules, runtime)
}

function binaryIn(modules, { binaries = [], scope, path }) {
  const folder = scope && join(modules, scope)
  const scoped = folder && existsSync(folder) ? readdirSync(folder) : []
  const paths = [...binaries, ...scoped.flatMap((one) => [`${scope}/${one}/${path}`])]
  const found = paths.flatMap((one) => [join(modules, one), `${join(modules, one)}.exe`])
  return found.find((one) => existsSync(one))
}

/** The last lines of three test runners: `pass 3`, `3 pass`, and `2 passed (3 steps)`. */
function countsOf(said) {
  const first = (...patterns) => patterns.map((one) => said.match(one)?.[1]).find(Boolean)
  const passed = first(
    /^ℹ pass (\d+)/m,
    /^ *(\d+) pass$/m,
    /\| \d+ passed \((\d+) steps\)/,
    /\| (\d+) passed/,
  )
  const failed = first(/^ℹ fail (\d+)/m, /^ *(\d+) fail$/m, /\| (\d+) failed/)
  if (passed === undefined) return undefined
  return { passed: Number(passed), failed: Number(failed ?? 0) }
}

/** The lines that show failures: Node's summary, or the failure lines of other runners. */
function failuresOf(said) {
  const closing = said.lastIndexOf('failing tests:')
  if (closing >= 0) return said.slice(closing).split('\n').slice(0, 400).join('\n')
  const lines = said.split('\n').filter((line) => /✖|^\(fail\)|FAILED|rror:/.test(line))
  return lines.slice(0, 60).join('\n')
}

function output(file, args) {
  return spawnSync(file, args, { encoding: 'utf8' }).stdout ?? ''
}

function told(name, version, counts, outcome, isGood = false) {
  const cells = counts
    ? [counts.passed + counts.failed, counts.passed, counts.failed]
    : ['-', '-', '-']
  const [tests, passed, failed] = cells.map((cell) => String(cell).padStart(7))
  return {
    isGood,
    line: `${name.padEnd(14)} ${version.padEnd(9)}${tests} ${passed} ${failed}   ${outcome}`,
  }
}
