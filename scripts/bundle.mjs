// Bundles sources of src/: one file per entry, with shared rooms as chunks beside them. The code is
// there once, as CommonJS, which every runtime can load; ES modules re-export its names. So a
// process that imports and requires has one copy, and one state.
import { mkdirSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { rollup } from 'rollup'
import { dts } from 'rollup-plugin-dts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const src = join(root, 'src')

/**
 * Rooms that load together become one file. Imports go down the ladder, so there are no circles.
 */
const EAGER = {
  base: /^((?!index)\w+|ring\/suggest)\./,
  protocol: /^protocol\/(?!(command|respond))/,
  commands: /^protocol\//,
  ring: /^ring\//,
  engine: /^(net|hosts|refill|tags|behaviors|client)\/|\/generic-pool\//,
  embedded: /^embedded\//,
  simulate: /^simulate\//,
}

/**
 * What only some services need, for settings and at a prompt: each loads when it is first used.
 * What a client uses while it runs loads with it: later the process may have no file descriptor
 * left, or a deployment may have replaced the files.
 */
const LAZY = {
  rings: /^ring\/(distributions\/(?!(ketama|registry)\.)|hashes\/(?!(md5|digests|registry)\.))/,
  dialects:
    /^(behaviors\/(dialects|env|generate)|client\/(values\/dialects|discovery)|net\/tls-options)\b/,
  warm: /^client\/(warm|pump)\b/,
}
/** What `import 'mintring'` loads, beside `base`. The first client that is made loads `engine`. */
const FACE = {
  client: /^(client\/client|behaviors\/behaviors-from)\./,
  presets: /^ring\/compat\./,
}
const ROOMS = { ...FACE, ...LAZY, ...EAGER }

/**
 * Writes JavaScript, and returns the names that each entry exports. `entries` are paths under src/
 * without their extension; imports of packages stay imports. Docstrings are only in the
 * declarations. `sources` may be another src/, for example of another commit.
 */
export async function writeCode(folder, entries, packages, sources = src) {
  const input = inputOf(entries, sources)
  const doorPaths = new Set(Object.values(input))
  const notDoor = (test) => (path) => !doorPaths.has(path) && test(path)
  const external = externalOf(packages)
  const bundle = await rolldown({
    input,
    external,
    // A lazy room must not draw what it imports with it. So that no file needs more of a door than
    // its source exports, no door is in a group.
    preserveEntrySignatures: 'allow-extension',
    platform: 'node',
    // The oldest Node of `engines`: it has no `await using`.
    transform: { target: 'node20.19' },
    plugins: [builtinsWithoutRequire, lazyRooms, compact, asciiOnly],
    treeshake: false,
    onLog: stop,
  })
  const { output } = await bundle.write({
    dir: folder,
    format: 'cjs',
    exports: 'named',
    // Jest cannot run an import() in CommonJS.
    dynamicImportInCjs: false,
    comments: { annotation: true, jsdoc: false, legal: true },
    entryFileNames: '[name].js',
    chunkFileNames: ({ moduleIds }) =>
      `${moduleIds.some(isCli(sources)) ? 'cli' : 'rooms'}/[name].js`,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [
        ...Object.keys(ROOMS).map((name) => ({
          name,
          test: notDoor(isIn(name, sources)),
        })),
        // What several adapters share is small: one file rather than one for each.
        { name: 'adapters', test: notDoor(isAdapter(sources)), minShareCount: 2 },
        // So with what several commands share, with the helper of their `await using`.
        {
          name: 'common',
          test: notDoor((path) => isCli(sources)(path) || path.endsWith('usingCtx.js')),
          minShareCount: 2,
        },
      ],
    },
  })
  await bundle.close()
  // Without it Node would read the files as ES modules, as the package says.
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }\n')
  const doors = output.filter(({ isEntry }) => isEntry)
  return Object.fromEntries(doors.map(({ name, exports }) => [name, exports]))
}

/**
 * Writes a CommonJS module for each entry point in `twins`. `names` is the result of writeCode().
 */
export function writeModules(twins, folder, names) {
  for (const [entry, exported] of Object.entries(names)) {
    const path = join(folder, `${entry}.js`)
    mkdirSync(dirname(path), { recursive: true })
    const twin = relative(dirname(path), join(twins, `${entry}.js`))
    writeFileSync(path, `export { ${exported.join(', ')} } from '${twin}'\n`)
  }
}

const GENERIC_POOL_NOTICE = '/*! generic-pool 3.9, (c) 2010-2016 James Cooper, MIT license */\n'

/**
 * A service bundled as an ES module (esbuild, serverless frameworks) has no require() for built-in
 * modules, so the code gets them from the process. That is why generic-pool is bundled.
 */
const builtinsWithoutRequire = {
  name: 'builtins-without-require',
  transform(code, id) {
    return id.endsWith('generic-pool/index.js') ? GENERIC_POOL_NOTICE + code : undefined
  },
  renderChunk(code) {
    return code.replaceAll(/\brequire\("(?:node:)?([\w/]+)"\)/g, (call, name) =>
      isBuiltin(name) ? `process.getBuiltinModule("node:${name}")` : call,
    )
  },
}

/**
 * Cold start: V8 reads every function of a file when it loads it, so these files load late. So does
 * node:net, with the streams that it needs: until a client connects it only tells addresses apart.
 */
const lazyRooms = {
  name: 'lazy-rooms',
  renderChunk(code, chunk) {
    const late = Object.keys(chunk.name in FACE ? { ...LAZY, engine: EAGER.engine } : LAZY)
    const name = `require_(?:${late.join('|')})|node_net`
    return code
      .replaceAll(new RegExp(`\\b(${name})\\.`, 'g'), '$1.room.')
      .replaceAll(
        new RegExp(`^(?:const|let) (${name}) = (.+\\(".+"\\));$`, 'gm'),
        'const $1 = { file: undefined, get room() { return this.file ??= $2; } };',
      )
  },
}

/** Leaves out what only takes room: the names of source files, and lines of getters for exports. */
const compact = {
  name: 'compact',
  generateBundle(_options, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== 'chunk') continue
      chunk.code = chunk.code
        .replaceAll(/^\/\/ (?:src|node_modules)\/\S+\n/gm, '')
        .replaceAll(
          /\{\n\tenumerable: true,\n\tget: function\(\) \{\n\t\treturn ([\w$.]+);\n\t\}\n\}/g,
          '{ enumerable: true, get: function() { return $1; } }',
        )
    }
  },
}

/** A file with one character beyond ASCII takes two bytes per character, and longer to read. */
const asciiOnly = {
  name: 'ascii-only',
  generateBundle(_options, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type === 'chunk') chunk.code = chunk.code.replaceAll(/[^\0-\x7f]/g, escaped)
    }
  },
}

function escaped(char) {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/**
 * Writes the declarations of CommonJS into `folder`. `names` is the result of writeCode(): what an
 * entry does not export as a value, it declares as a type.
 */
export async function writeTypes(folder, entries, packages, names) {
  const plugins = [
    dts({ tsconfig: join(root, 'tsconfig.json'), compilerOptions: { stripInternal: true } }),
    typesOnly(names),
    tabs,
  ]
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
    // TypeScript 6 and later takes no types of Node by itself.
    banner: '/// <reference types="node" />',
    manualChunks: (path) => Object.keys(EAGER).find((name) => isIn(name, src)(path)),
  })
  await bundle.close()
}

/** Declarations are indented by four spaces, the code by tabs: the same indentation is smaller. */
const tabs = {
  name: 'tabs',
  renderChunk: (code) =>
    code.replaceAll(/^(?: {4})+/gm, (spaces) => '\t'.repeat(spaces.length / 4)),
}

/** Bundling the declarations of several entries together loses the `type` of `export type`. */
function typesOnly(names) {
  const named = (specifier) => specifier.split(' as ').at(-1).trim()
  return {
    name: 'types-only',
    renderChunk(code, { isEntry, name }) {
      if (!isEntry) return undefined
      return code.replaceAll(/^export \{(.*)\}/gm, (_, specifiers) => {
        const marked = specifiers
          .split(',')
          .map((one) => (names[name].includes(named(one)) ? one : ` type ${one.trim()}`))
        return `export {${marked.join(',')} }`
      })
    },
  }
}

/**
 * Writes the declarations of ES modules into `folder`, from those of CommonJS in `twins`: an ES
 * module may import CommonJS, and so each docstring is in the package once. No entry has a default.
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

function isAdapter(sources) {
  return (path) => relative(sources, path).startsWith('integrations/')
}

function isCli(sources) {
  return (path) => relative(sources, path).startsWith('cli/')
}

/** Warnings of the bundler are errors. */
function stop(level, log) {
  if (level !== 'warn') return
  throw new Error(log.message)
}
