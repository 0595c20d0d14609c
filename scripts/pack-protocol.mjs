// Packs the protocol room alone, as the package `memcached-protocol-parser`: `npm run pack:protocol
// [-- <folder>]` writes the tarball into the folder (default: here), and prints its path.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { writeCode, writeModules, writeTypes, writeTypesOver } from './bundle.mjs'

const NAME = 'memcached-protocol-parser'
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const destination = resolve(process.argv[2] ?? '.')
const stage = mkdtempSync(join(tmpdir(), `${NAME}-`))

try {
  const entries = ['protocol/index']
  const [esm, cjs] = ['esm', 'cjs'].map((format) => join(stage, format))
  const exported = await writeCode(cjs, entries, [])
  writeModules(cjs, esm, exported)
  await writeTypes(cjs, entries, [], exported)
  writeTypesOver(cjs, esm, entries)
  writeJson(join(stage, 'package.json'), manifest())
  cpSync(join(root, 'LICENSE'), join(stage, 'LICENSE'))
  writeFileSync(join(stage, 'README.md'), readme())
  mkdirSync(destination, { recursive: true })
  const [npm, head] = npmCommand()
  const pack = [...head, 'pack', '--silent', '--ignore-scripts', '--pack-destination', destination]
  const tarball = execFileSync(npm, pack, { cwd: stage, encoding: 'utf8' }).trim()
  console.log(join(destination, tarball.split('\n').at(-1)))
} finally {
  rmSync(stage, { recursive: true, force: true })
}

function manifest() {
  const whole = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const entry = (format) => ({
    types: `./${format}/protocol/index.d.ts`,
    default: `./${format}/protocol/index.js`,
  })
  return {
    name: NAME,
    version: whole.version,
    description: 'The memcached protocol, text and meta, both sides: an incremental parser.',
    keywords: ['memcached', 'memcache', 'protocol', 'parser', 'meta'],
    license: whole.license,
    type: 'module',
    sideEffects: false,
    engines: whole.engines,
    main: './cjs/protocol/index.js',
    types: './cjs/protocol/index.d.ts',
    exports: {
      '.': { import: entry('esm'), require: entry('cjs') },
      './package.json': './package.json',
    },
    files: ['esm', 'cjs'],
  }
}

/** The documentation page of the protocol, under the package's own name. */
function readme() {
  const page = readFileSync(join(root, 'docs/protocol.md'), 'utf8')
  return page.replaceAll('mintring/protocol', NAME)
}

function npmCommand() {
  const cli = process.env.npm_execpath
  return cli ? [process.execPath, [cli]] : ['npm', []]
}

function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`)
}
