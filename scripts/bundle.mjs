// Bundles sources of src/: one file per entry, the rooms that entries share as chunks beside them.
import { writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { rollup } from 'rollup'
import { dts } from 'rollup-plugin-dts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const src = join(root, 'src')

/** Rooms that load together become one file. Imports go down the ladder, so no circle appears. */
const ROOMS = {
  base: /^(runtime|secrets|errors|channels|deadline)\b/,
  protocol: /^protocol\//,
  ring: /^ring\//,
  client: /^((net|hosts|refill|behaviors|client)\/|arguments\b)/,
  embedded: /^embedded\//,
  simulate: /^simulate\//,
}

/**
 * Writes JavaScript. `entries` are paths under src/ without their extension; `format` is `esm` or
 * `cjs`; packages stay imports. Docstrings are left to the declarations. `sources` may be another
 * src/, of another commit for one.
 */
export async function writeCode(folder, entries, format, packages, sources = src) {
  const input = inputOf(entries, sources)
  const external = externalOf(packages)
  const bundle = await rolldown({
    input,
    external,
    platform: 'node',
    plugins: [builtinsWithoutRequire],
    treeshake: false,
    onLog: stop,
  })
  await bundle.write({
    dir: folder,
    format,
    exports: 'named',
    // CommonJS is for tools that know nothing else: Jest cannot run an import() there.
    dynamicImportInCjs: false,
    comments: { annotation: true, jsdoc: false, legal: true },
    entryFileNames: '[name].js',
    chunkFileNames: ({ moduleIds }) =>
      `${moduleIds.some(isCli(sources)) ? 'cli' : 'rooms'}/[name].js`,
    codeSplitting: {
      groups: [
        ...Object.keys(ROOMS).map((name) => ({ name, test: isIn(name, sources) })),
        // What several adapters share is small: one file rather than one for each.
        { name: 'adapters', test: /[\\/]integrations[\\/]/, minShareCount: 2 },
      ],
    },
  })
  await bundle.close()
}

const GENERIC_POOL_NOTICE = '/*! generic-pool 3.9, (c) 2010-2016 James Cooper, MIT license */\n'

/** A package that is carried along may run in an ES module, which has no require(). */
const builtinsWithoutRequire = {
  name: 'builtins-without-require',
  transform(code, id) {
    if (!id.includes('node_modules')) return undefined
    const notice = id.endsWith('generic-pool/index.js') ? GENERIC_POOL_NOTICE : ''
    return notice + code.replaceAll(/require\("(events)"\)/g, 'process.getBuiltinModule("node:$1")')
  },
}

/** Writes the declarations of CommonJS into `folder`. */
export async function writeTypes(folder, entries, packages) {
  const plugins = [dts({ tsconfig: join(root, 'tsconfig.json') })]
  const input = inputOf(entries, src)
  const bundle = await rollup({
    input,
    plugins,
    external: externalOf(packages),
    onLog: stop,
  })
  await bundle.write({
    dir: folder,
    entryFileNames: '[name].d.ts',
    chunkFileNames: 'rooms/[name].d.ts',
    manualChunks: (path) => Object.keys(ROOMS).find((name) => isIn(name, src)(path)),
  })
  await bundle.close()
}

/**
 * Writes the declarations of ES modules into `folder`, by those of CommonJS in `twins`: an ES
 * module may import CommonJS, and so each docstring is in the package once. No door has a default.
 */
export function writeTypesOver(twins, folder, entries) {
  for (const entry of entries) {
    const path = join(folder, `${entry}.d.ts`)
    const twin = relative(dirname(path), join(twins, `${entry}.js`))
    writeFileSync(path, `export * from '${twin}'\n`)
  }
}

function inputOf(entries, sources) {
  return Object.fromEntries(entries.map((entry) => [entry, join(sources, `${entry}.ts`)]))
}

function externalOf(packages) {
  return [/^node:/, ...packages.map((name) => new RegExp(`^${name}(/|$)`))]
}

function isIn(room, sources) {
  return (path) => ROOMS[room].test(relative(sources, path))
}

function isCli(sources) {
  return (path) => relative(sources, path).startsWith('cli/')
}

/** A warning of a bundler is a fault of ours. */
function stop(level, log) {
  if (level !== 'warn') return
  throw new Error(log.message)
}
