import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, describe, test } from 'node:test'
import { compileFunction } from 'node:vm'
import ts from 'typescript'
import { root } from '../house/sources.ts'
import { installInto, newFolder, npm, type Packed, pack, runIn } from './pack.ts'

const MAX_TARBALL_BYTES = 450_000
const MAX_FILES = 120
const MAX_UNPACKED_BYTES = 1_600_000
/** The limits of what `require('mintring')` and the first client load: the time of a cold start. */
const MAX_REQUIRED_BYTES = 50_000
const MAX_LOADED_FILES = 9
const MAX_LOADED_BYTES = 735_000
const LOADED_WHEN_NEEDED = 'crypto tls dns zlib fs/promises worker_threads http net stream'.split(
  ' ',
)
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const doors: string[] = Object.keys(manifest.exports)
  .filter((door) => door !== './package.json')
  .map((door) => door.replace('.', 'mintring'))

describe('the package, packed and installed elsewhere', () => {
  const folder = newFolder()
  let packed: Packed
  before(() => {
    packed = pack(folder.path)
    installInto(folder.path, packed.tarball)
  })
  after(() => folder.remove())

  const installed = () => join(folder.path, 'node_modules', 'mintring')
  const write = (name: string, text: string) => writeFileSync(join(folder.path, name), text)
  const node = (...args: string[]) => runIn(folder.path, process.execPath, ...args)

  test('contains the files that users need, no others, and is small', () => {
    const expected = /^(dist\/(esm|cjs)\/[\w./-]+\.(js|d\.ts)|dist\/cjs\/package\.json)$/
    const papers = ['README.md', 'LICENSE', 'package.json']
    const odd = packed.files.filter((file) => !expected.test(file) && !papers.includes(file))
    assert.deepEqual(odd, [])
    for (const paper of papers) assert.ok(packed.files.includes(paper), `${paper} is missing`)
    assert.ok(packed.files.length <= MAX_FILES, `it has ${packed.files.length} files`)
    assert.ok(packed.bytes < MAX_TARBALL_BYTES, `the tarball has ${packed.bytes} bytes`)
    const sizes = packed.files.map((file) => statSync(join(installed(), file)).size)
    const bytes = sizes.reduce((sum, one) => sum + one, 0)
    assert.ok(bytes < MAX_UNPACKED_BYTES, `it has ${bytes} bytes on disk`)
  })

  test('loads few files, and no built-in module that a client may never need', () => {
    const filesOf = (code: string) => {
      write('files.cjs', `${code}; console.log(Object.keys(require.cache).join('\\n'))`)
      return node('files.cjs').trim().split('\n').slice(1)
    }
    const required = filesOf("require('mintring')")
    const loaded = filesOf("new (require('mintring').MemcachedClient)('127.0.0.1')")
    assert.ok(sizeOf(required) < MAX_REQUIRED_BYTES, `require loads ${sizeOf(required)} bytes`)
    assert.ok(loaded.length <= MAX_LOADED_FILES, `a client loads ${loaded.join(', ')}`)
    assert.ok(sizeOf(loaded) < MAX_LOADED_BYTES, `a client loads ${sizeOf(loaded)} bytes`)
    write('loads.mjs', "import 'mintring'\nconsole.log(process.moduleLoadList.join('\\n'))")
    const modules = new Set(node('loads.mjs').split('\n'))
    write('bare.mjs', "console.log(process.moduleLoadList.join('\\n'))")
    const bare = new Set(node('bare.mjs').split('\n'))
    const builtins = LOADED_WHEN_NEEDED.map((name) => `NativeModule ${name}`)
    assert.deepEqual(
      builtins.filter((name) => modules.has(name) && !bare.has(name)),
      [],
    )
    assert.ok(modules.has('NativeModule perf_hooks'))
  })

  test('reads no file for what a client does after it was made, only for settings of others', () => {
    copyFileSync(join(import.meta.dirname, 'loaded-rooms.mjs'), join(folder.path, 'rooms.mjs'))
    const [imported, made, used, translated] = node('rooms.mjs').trim().split('\n')
    assert.deepEqual([imported, made], ['client presets', 'engine ring'])
    // Without them a process that has no file descriptor left could not handle a dead host.
    assert.deepEqual([used, translated], ['', 'dialects'])
  })

  test('runs no install script, and has two dependencies', () => {
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare']
    assert.deepEqual(
      hooks.filter((hook) => hook in manifest.scripts),
      [],
    )
    const installed = Object.keys(
      JSON.parse(readFileSync(join(folder.path, 'package-lock.json'), 'utf8')).packages,
    )
    assert.deepEqual(installed.sort(), [
      '',
      'node_modules/generic-pool',
      'node_modules/mintring',
      'node_modules/xxhash-wasm',
    ])
  })

  test('loads one copy of every entry point for import and require together', () => {
    write(
      'both.mjs',
      `import { createRequire } from 'node:module'
       const require = createRequire(import.meta.url)
       for (const door of ${JSON.stringify(doors)}) {
         const imported = Object.keys(await import(door)).filter((name) => name !== 'default')
         const required = require(door)
         if (imported.length === 0) throw new Error(door + ' exports nothing')
         for (const name of imported)
           if (!(name in required)) throw new Error(door + ' lacks ' + name + ' for require')
       }
       const { MemcachedClient } = await import('mintring')
       console.log(MemcachedClient === require('mintring').MemcachedClient)`,
    )
    assert.equal(node('both.mjs').trim(), 'true')
  })

  test('has entry points that export exactly what their declarations declare', () => {
    write(
      'names.mjs',
      `import { createRequire } from 'node:module'
       const require = createRequire(import.meta.url)
       const names = {}
       for (const door of ${JSON.stringify(doors)}) {
         names[door] = [await import(door), require(door)].map((one) => Object.keys(one).sort())
       }
       console.log(JSON.stringify(names))`,
    )
    const exported: Record<string, readonly string[][]> = JSON.parse(node('names.mjs'))
    const declared = declaredNames(installed())
    for (const door of doors) {
      assert.ok(declared[door]!.length > 0, `${door} declares nothing`)
      for (const names of exported[door]!) assert.deepEqual(names, declared[door], door)
    }
  })

  test('works as CommonJS where require cannot load ES modules', () => {
    write(
      'client.cjs',
      `const { MemcachedClient } = require('mintring')
       const { startServer } = require('mintring/embedded')
       async function main() {
         const server = await startServer({ port: 0 })
         const cache = new MemcachedClient([server.address])
         await cache.set('user:1', { name: 'Ada' }, { ttl: 300 })
         console.log((await cache.get('user:1')).name)
         await cache.close()
         await server.close()
       }
       main()`,
    )
    assert.equal(node('client.cjs').trim(), 'Ada')
    assert.equal(node('--no-experimental-require-module', 'client.cjs').trim(), 'Ada')
  })

  test('installs a command that runs', () => {
    const command = join(folder.path, 'node_modules', '.bin', 'mintring')
    assert.match(runIn(folder.path, command, '--help'), /remap/)
    assert.match(runIn(folder.path, command, '--version'), new RegExp(manifest.version))
    assert.match(runIn(folder.path, command, 'locate', 'a', '--servers', '127.0.0.1'), /lives on/)
  })

  test('has a command that warms a cache from a module with top-level await', () => {
    write('loader.mjs', "await null\nexport const load = (key) => 'of ' + key")
    write(
      'warm.mjs',
      `import { spawn } from 'node:child_process'
       import { MemcachedClient } from 'mintring'
       import { startServer } from 'mintring/embedded'
       const server = await startServer({ port: 0 })
       const words = ['warm', '--loader', './loader.mjs', '-s', server.address]
       const stdio = ['pipe', 'inherit', 'inherit']
       const warm = spawn('node_modules/.bin/mintring', words, { stdio })
       warm.stdin.end('a\\nb\\n')
       warm.on('exit', async (code) => {
         const cache = new MemcachedClient(server.address)
         console.log(code, await cache.get('b'))
         await cache.close()
         await server.close()
       })`,
    )
    assert.match(node('warm.mjs'), /2 stored.*\n0 of b/)
  })

  test('contains no syntax that this version of Node cannot read', () => {
    const dist = join(folder.path, 'node_modules', 'mintring', 'dist', 'cjs')
    const paths = readdirSync(dist, { recursive: true, encoding: 'utf8' })
    const scripts = paths.filter((path) => path.endsWith('.js'))
    assert.ok(scripts.some((path) => path.startsWith('cli')))
    for (const path of scripts) {
      const code = readFileSync(join(dist, path), 'utf8').replace(/^#!.*/, '')
      assert.doesNotThrow(() => compileFunction(code, ['require', 'module', 'exports']), path)
    }
  })

  for (const module of ['node16', 'node20', 'nodenext', 'commonjs']) {
    test(`type-checks in strict mode in a user's project with module ${module}`, () => {
      const extension = module === 'commonjs' ? 'ts' : 'mts'
      write(`consumer.${extension}`, consumer())
      write(`consumer.cts`, consumer())
      const options = {
        module,
        ...(module === 'commonjs' ? { moduleResolution: 'bundler' } : {}),
        target: 'es2022',
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        esModuleInterop: false,
        allowSyntheticDefaultImports: false,
        ignoreDeprecations: '6.0',
        // TypeScript 6 loads no types by default. The package's declarations must load Node's.
        types: [],
        typeRoots: [join(root, 'node_modules', '@types')],
      }
      const files = [`consumer.${extension}`, ...(module === 'commonjs' ? [] : ['consumer.cts'])]
      write('tsconfig.json', JSON.stringify({ compilerOptions: options, files }))
      node(join(root, 'node_modules/typescript/lib/tsc.js'), '-p', '.')
    })
  }

  test('passes publint without a warning', () => {
    const publint = join(root, 'test/packaging/node_modules/publint/src/cli.js')
    node(publint, 'run', packed.tarball, '--strict')
  })

  test('has the right types for every module resolution', () => {
    const attw = join(root, 'test/packaging/node_modules/@arethetypeswrong/cli/dist/index.js')
    node(attw, packed.tarball, '--format', 'ascii')
  })
})

/** The names of the values that the declarations of each entry point export, sorted. */
function declaredNames(folder: string): Record<string, readonly string[]> {
  const paths = doors.map((door) => {
    const { types } = manifest.exports[door.replace('mintring', '.')].require
    return join(folder, types)
  })
  const program = ts.createProgram(paths, { module: ts.ModuleKind.NodeNext, types: [] })
  const checker = program.getTypeChecker()
  const isValue = (symbol: ts.Symbol): boolean => {
    const [declaration] = symbol.declarations ?? []
    const isSpecifier = declaration !== undefined && ts.isExportSpecifier(declaration)
    if (isSpecifier && (declaration.isTypeOnly || declaration.parent.parent.isTypeOnly))
      return false
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0
    const own = isAlias ? checker.getAliasedSymbol(symbol) : symbol
    return (own.flags & ts.SymbolFlags.Value) !== 0
  }
  const namesIn = (path: string): readonly string[] => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(path)!)!
    return checker
      .getExportsOfModule(module)
      .filter(isValue)
      .map(({ name }) => name)
      .sort()
  }
  return Object.fromEntries(doors.map((door, i) => [door, namesIn(paths[i]!)]))
}

/** Prints which parts of the package plain verbs load, then what getOrSet and behaviorsFrom add. */
function sizeOf(files: readonly string[]): number {
  return files.reduce((sum, file) => sum + statSync(file).size, 0)
}

/** Uses the types of the main entry point and imports every other one. */
function consumer(): string {
  const others = doors.filter((door) => door !== 'mintring')
  return `import { MemcachedClient, MintringError } from 'mintring'
${others.map((door, index) => `import * as door${index} from '${door}'`).join('\n')}
export const doors = [${others.map((_, index) => `door${index}`).join(', ')}]
const cache: MemcachedClient = new MemcachedClient(['127.0.0.1:11211'], { retryTimeoutMs: 1000 })
export const fill = (): Promise<string> => cache.getOrSet('a', async () => 'b', { ttl: 60 })
export const isOurs = (error: unknown): boolean => error instanceof MintringError
// @ts-expect-error this setting does not exist
new MemcachedClient(['127.0.0.1:11211'], { retryTimeoutSeconds: 1 })
`
}

describe('the lock files', () => {
  test('can be installed by npm ci in an empty folder', () => {
    for (const place of ['.', 'test/packaging']) {
      const folder = newFolder()
      for (const file of ['package.json', 'package-lock.json', '.npmrc']) {
        const path = join(root, place, file)
        if (file === '.npmrc' && place !== '.') continue
        writeFileSync(join(folder.path, file), readFileSync(path))
      }
      npm(folder.path, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline')
      folder.remove()
    }
  })

  test('name no registry, so that they work with any', () => {
    const names = execFileSync('git', ['ls-files', '*package-lock.json'], { cwd: root })
    const locks = names.toString().trim().split('\n')
    assert.ok(locks.length >= 2)
    for (const lock of locks) {
      assert.doesNotMatch(readFileSync(join(root, lock), 'utf8'), /"resolved": "http/, lock)
    }
  })
})
