import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { root } from './sources.ts'

type Target = { readonly types: string; readonly default: string }
type Door = Readonly<Record<'import' | 'require', Target>>

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const { './package.json': own, ...doors } = manifest.exports as Record<string, Door>

/** The source from which a file in dist/ is built. */
function sourceOf(built: string): string {
  return built.replace(/^\.\/dist\/(esm|cjs)\//, 'src/').replace(/\.js$/, '.ts')
}

describe('package.json', () => {
  test('has the same conditions for each entry point, and a source for each', () => {
    assert.equal(own, './package.json')
    for (const [name, door] of Object.entries(doors)) {
      const stem = door.import.default.replace('./dist/esm/', '').replace(/\.js$/, '')
      const esm = { types: `./dist/esm/${stem}.d.ts`, default: `./dist/esm/${stem}.js` }
      const cjs = { types: `./dist/cjs/${stem}.d.ts`, default: `./dist/cjs/${stem}.js` }
      assert.deepEqual(door, { import: esm, require: cjs }, name)
      assert.ok(existsSync(join(root, `src/${stem}.ts`)), `${name}: src/${stem}.ts is missing`)
    }
  })

  test('has typesVersions for TypeScript versions that do not read exports', () => {
    const named = Object.entries(doors).filter(([name]) => name !== '.')
    const expected = named.map(([name, door]) => [name.slice(2), [door.require.types]])
    assert.deepEqual(manifest.typesVersions, { '*': Object.fromEntries(expected) })
    assert.equal(manifest.types, doors['.']?.require.types)
    assert.equal(manifest.main, doors['.']?.require.default)
  })

  test('has two dependencies, and only optional peers', () => {
    assert.deepEqual(Object.keys(manifest.dependencies), ['generic-pool', 'xxhash-wasm'])
    const optional = Object.entries(manifest.peerDependenciesMeta as Record<string, unknown>)
    assert.deepEqual(
      optional,
      Object.keys(manifest.peerDependencies).map((name) => [name, { optional: true }]),
    )
  })

  test('has a command whose source starts with #!', () => {
    const source = readFileSync(join(root, sourceOf(manifest.bin.mintring)), 'utf8')
    assert.ok(source.startsWith('#!/usr/bin/env node\n'))
  })
})
