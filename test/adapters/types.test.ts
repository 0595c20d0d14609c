import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, describe, test } from 'node:test'
import ts from 'typescript'
import { type Block, blocksOf, readPages } from '../docs/pages.ts'
import { root } from '../house/sources.ts'

/*
 * The TypeScript blocks of the docs that use other packages compile against the published types of
 * those packages, in a strict project that checks libraries too.
 */
const adapters = join(root, 'test/adapters')
const folder = join(adapters, 'node_modules/.cache', `types-${process.pid}`)
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Code that users have written and the docs do not show. */
const OTHER_USES: Readonly<Record<string, string>> = {
  'a Keyv store by name': `
    import Keyv, { type KeyvStoreAdapter } from 'keyv'
    import { MemcachedClient } from 'mintring'
    import { KeyvMintring } from 'mintring/keyv'
    const store: KeyvStoreAdapter = new KeyvMintring(new MemcachedClient('127.0.0.1:11211'))
    export const cache = new Keyv({ store })`,
  'a session store that is extended': `
    import session from 'express-session'
    import { MemcachedClient } from 'mintring'
    import { expressSessionStore } from 'mintring/session'
    class Audited extends expressSessionStore(session) {
      override destroy(id: string, done?: (error?: unknown) => void): void {
        super.destroy(id, done)
      }
    }
    export const store: session.Store = new Audited(new MemcachedClient('127.0.0.1:11211'))`,
  'an unstorage driver by name': `
    import { MemcachedClient } from 'mintring'
    import { unstorageDriver } from 'mintring/unstorage'
    import type { Driver } from 'unstorage'
    const client = new MemcachedClient('127.0.0.1:11211')
    export const driver: Driver = unstorageDriver({ client })`,
  'a rate limit store by name': `
    import type { Store } from 'express-rate-limit'
    import { MemcachedClient } from 'mintring'
    import { RateLimitStore } from 'mintring/rate-limit'
    export const store: Store = new RateLimitStore(new MemcachedClient('127.0.0.1:11211'))`,
  'pages in every framework': `
    import { createServer } from 'node:http'
    import { createServer as createServer2 } from 'node:http2'
    import express from 'express'
    import fastify from 'fastify'
    import Koa from 'koa'
    import { MemcachedClient } from 'mintring'
    import { pageCache } from 'mintring/page'
    const pages = pageCache(new MemcachedClient('127.0.0.1:11211'), { ttl: 60 })
    express().use(pages)
    fastify().addHook('onRequest', pages.onRequest)
    new Koa().use(pages.koa)
    createServer((request, response) => pages(request, response, () => response.end()))
    createServer2((request, response) => pages(request, response, async () => response.end()))`,
}

/** The package's entry points, mapped to the sources. */
function doors(): Record<string, string[]> {
  const paths: Record<string, string[]> = {}
  for (const [door, target] of Object.entries<{ import?: { default: string } }>(manifest.exports)) {
    const source = target.import?.default.replace('./dist/esm/', 'src/').replace(/\.js$/, '.ts')
    if (source !== undefined) paths[door.replace('.', 'mintring')] = [join(root, source)]
  }
  return paths
}

/** The errors of a strict project in each file and in all files that it imports, by file name. */
function complaintsAbout(paths: readonly string[]): Map<string, string[]> {
  const program = ts.createProgram(paths, {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts'],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    esModuleInterop: true,
    allowImportingTsExtensions: true,
    types: ['node'],
    typeRoots: [join(adapters, 'node_modules/@types')],
    paths: doors(),
  })
  const complaints = new Map<string, string[]>()
  for (const { file, start = 0, messageText } of ts.getPreEmitDiagnostics(program)) {
    const name = file?.fileName ?? ''
    const line = file?.getLineAndCharacterOfPosition(start).line ?? 0
    const text = `${line + 1} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
    complaints.set(name, [...(complaints.get(name) ?? []), text])
  }
  return complaints
}

function isForHosts({ words, language }: Block): boolean {
  return language === 'ts' && words.includes('hosts')
}

describe('TypeScript against the types of other packages', () => {
  const blocks = readPages().flatMap((page) => blocksOf(page).filter(isForHosts))
  const printed = blocks.map(({ page, line, code }) => [`${page}:${line}`, code] as const)
  const all = [...printed, ...Object.entries(OTHER_USES)]
  const pathOf = (name: string): string => join(folder, `${name.replace(/\W+/g, '-')}.mts`)
  let complaints: Map<string, string[]>
  before(() => {
    mkdirSync(folder, { recursive: true })
    for (const [name, code] of all) writeFileSync(pathOf(name), `${code}\nexport {}\n`)
    complaints = complaintsAbout(all.map(([name]) => pathOf(name)))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('is in the docs: there are blocks to compile', () => assert.ok(printed.length >= 8))

  for (const [name] of all) {
    test(`${name} compiles`, () => assert.deepEqual(complaints.get(pathOf(name)) ?? [], []))
  }

  test('finds no error in the declarations of this package', () => {
    const faults = [...complaints].filter(([path]) => path.startsWith(join(root, 'src')))
    assert.deepEqual(faults, [])
  })
})
