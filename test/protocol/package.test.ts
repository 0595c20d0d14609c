import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, describe, test } from 'node:test'
import { root } from '../house/sources.ts'
import { installInto, newFolder, runIn } from '../packaging/pack.ts'

const name = 'memcached-protocol-parser'
const program = `
const parser = new ReplyParser((reply) => {
  if (reply.kind === ReplyKind.Value) console.log(reply.keyText(), reply.valueString())
})
parser.push(Buffer.from('VALUE a 0 2\\r\\nhi\\r\\nEND\\r\\n'))
console.log(getHead([toWireKey('a')]).trim(), typeof CommandParser)
`

describe('the protocol, packed alone and installed in another project', () => {
  const folder = newFolder()
  before(() => {
    const pack = join(root, 'scripts/pack-protocol.mjs')
    const tarball = runIn(root, process.execPath, pack, folder.path).trim()
    installInto(folder.path, tarball)
  })
  after(() => folder.remove())

  const write = (file: string, text: string) => writeFileSync(join(folder.path, file), text)
  const node = (...args: string[]) => runIn(folder.path, process.execPath, ...args).trim()

  test('has no dependency and only files of the protocol', () => {
    const lock = readFileSync(join(folder.path, 'package-lock.json'), 'utf8')
    const installed = Object.keys(JSON.parse(lock).packages)
    assert.deepEqual(installed, ['', `node_modules/${name}`])
    const files = readdirSync(join(folder.path, 'node_modules', name), { recursive: true })
    const allowed = /^(esm|cjs)\/(protocol\/index|rooms\/(base|commands|protocol))\.(js|d\.ts)$/
    const odd = files
      .map((file) => String(file).replaceAll('\\', '/'))
      .filter((file) => /\.(js|d\.ts)$/.test(file))
      .filter((file) => !allowed.test(file))
    assert.deepEqual(odd, [])
  })

  test('loads with import', () => {
    const names = 'CommandParser, getHead, ReplyKind, ReplyParser, toWireKey'
    write('a.mjs', `import { ${names} } from '${name}'\n${program}`)
    assert.equal(node('a.mjs'), 'a hi\nget a function')
  })

  test('loads with require', () => {
    const names = 'CommandParser, getHead, ReplyKind, ReplyParser, toWireKey'
    write('a.cjs', `const { ${names} } = require('${name}')\n${program}`)
    assert.equal(node('a.cjs'), 'a hi\nget a function')
  })

  test('has types for import and for require', () => {
    const names = 'type Reply, ReplyParser, mgHead, MintringError'
    const typed = `import { ${names} } from '${name}'
      export const parser: ReplyParser = new ReplyParser((reply: Reply) => {
        const ttl: number = reply.ttl
        // @ts-expect-error: a CAS id is a bigint
        const cas: number = reply.cas
        console.log(ttl, cas, reply.valueBuffer().length)
      }, { maxValueBytes: 1024 })
      export const head: string = mgHead('a', { N: 30, v: true })
      // @ts-expect-error: a code is not 1
      export const wrong = (error: MintringError): 1 => error.code`
    write('typed.mts', typed)
    write('typed.cts', typed)
    const compiler = createRequire(import.meta.url).resolve('typescript/lib/tsc.js')
    const types = join(root, 'node_modules/@types')
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--typeRoots', types]
    node(compiler, ...flags, '--types', 'node', 'typed.mts', 'typed.cts')
  })
})
