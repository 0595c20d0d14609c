import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { describe, test } from 'node:test'
import { root } from '../house/sources.ts'

const here = join(root, 'test', 'adapters')
const compiler = join(root, 'node_modules', 'typescript', 'lib', 'tsc.js')
const compilerOptions = {
  ...{ strict: true, noEmit: true, skipLibCheck: false, types: ['node'], target: 'es2022' },
  ...{ module: 'nodenext', allowImportingTsExtensions: true, lib: ['es2023', 'esnext.disposable'] },
}

const THERE = "import Memcached = require('memcached')"
const HERE = "import { Memcached } from '../../../../src/integrations/compat.ts'"

/** A program written for `@types/memcached`, without its import. */
const PROGRAM = `
interface User {
  name: string
}
interface Settings extends Memcached.options {
  hosts: Memcached.Location
}

const options: Memcached.options = {
  maxKeySize: 250,
  maxExpiration: 2592000,
  maxValue: 1048576,
  poolSize: 10,
  algorithm: 'md5',
  reconnect: 18000000,
  timeout: 5000,
  retries: 5,
  failures: 5,
  retry: 30000,
  remove: false,
  failOverServers: ['10.0.0.9:11211'],
  keyCompression: true,
  idle: 5000,
  namespace: 'ns:',
}
Memcached.config.poolSize = 25
const location: Memcached.Location = { '10.0.0.1:11211': 1, '10.0.0.2:11211': 2 }
const settings: Settings = { hosts: location, timeout: undefined }

class Cache extends Memcached {
  constructor(private readonly prefix: string) {
    super(settings.hosts, options)
  }
  user(id: string, done: (error: Error | undefined, user: User | undefined) => void): void {
    this.get(this.prefix + id, (error, data) => done(error, data))
  }
}

const memcached: Memcached = new Memcached('10.0.0.1:11211')
const clients: Memcached[] = [memcached, new Memcached(['a:1', 'b:2'], options), new Cache('user:')]

memcached.touch('k', 10, function (error) {
  const type: string = this.type
  if (error) throw error
  void type
})
memcached.get('k', function (err, data) {
  const text: string = data
  const took: number = this.execution + this.start
  const key: string | undefined = this.key
  const validate: Array<[string, Function]> = this.validate
  void [err.message, text, took, key, validate, this.command, this.callback]
})
memcached.get('k', (err: any, data: any) => void [err, data])
memcached.get('k', (err: Error, data: User) => void [err.message, data.name])
memcached.gets('k', (err, data) => {
  memcached.cas('k', 'v', data.cas, 10, (error, result) => {
    const ok: boolean = result
    void [error, ok]
  })
  void [err, data.k]
})
memcached.getMulti(['a', 'b'], (err, data) => {
  for (const key of Object.keys(data)) void data[key]
  void err
})
memcached.set('k', { a: 1 }, 10, function (err, result) {
  const ok: boolean = result
  void [err, ok, this.lifetime, this.value]
})
memcached.replace('k', Buffer.from('v'), 10, (err, result) => void [err, result])
memcached.add('k', 5, 10, (err, result) => void [err, result])
memcached.append('k', 'v', (err, result) => void [err, result])
memcached.prepend('k', 'v', (err, result) => void [err, result])
memcached.incr('k', 1, (err, result) => {
  if (typeof result === 'number') void result.toFixed()
  void err
})
memcached.decr('k', 1, (err, result) => {
  const count: number | boolean = result
  void [err, count]
})
memcached.del('k', (err, result) => void [err, result])
memcached.version((err, versions) => {
  for (const one of versions) void [one.server, one.version, one.major, err]
})
memcached.settings((err, all: Memcached.StatusData[]) => void [err, all[0]?.server])
memcached.stats((err, all) => all.forEach((one) => void [one.server, one['pid'], err]))
memcached.slabs((err, all) => void [err, all.length])
memcached.items((err, all) => {
  for (const server of all) void [server.server, err]
  memcached.cachedump('10.0.0.1:11211', 1, 10, (error, dump) => {
    const items: Memcached.CacheDumpData[] = Array.isArray(dump) ? dump : [dump]
    void [error, items[0]?.key, items[0]?.b, items[0]?.s]
  })
})
memcached.flush(function (err, results) {
  const all: boolean[] = results
  void [err, all, this]
})
for (const event of [
  'issue',
  'failure',
  'reconnecting',
  'reconnect',
  'remove',
] as Memcached.EventNames[]) {
  memcached.on(event, (details: Memcached.IssueData) => {
    const [port, host]: [string, string] = details.tokens
    void [
      port,
      host,
      details.server,
      details.messages.join(),
      details.failures,
      details.totalDownTime,
    ]
  })
}
memcached.once('failure', () => {}).removeAllListeners()
function done(this: Memcached.CommandData, err: any, result: boolean): void {
  void [this.key, err, result]
}
memcached.set('k', 'v', 1, done)
function versions(all: Memcached.VersionData[]): string[] {
  return all.map((one) => one.bugfix)
}
for (const client of clients) client.end()
void [versions, Cache]
`

/** Returns the compiler's errors for the program after the import `line`, as CommonJS or ESM. */
function complaints(line: string, kind: 'commonjs' | 'module'): string {
  const folder = mkdtempSync(join(here, 'node_modules', '.typed-'))
  try {
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: kind }))
    writeFileSync(join(folder, 'program.ts'), `${line}\n${PROGRAM}`)
    const config = JSON.stringify({ compilerOptions, files: ['program.ts'] })
    writeFileSync(join(folder, 'tsconfig.json'), config)
    const { stdout } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' })
    // Errors of this program alone: other packages here bring other versions of Node's types.
    return stdout
      .split('\n')
      .filter((complaint) => complaint.includes('program.ts'))
      .join('\n')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe('a strict program written for @types/memcached', () => {
  test('compiles with those types', () => assert.equal(complaints(THERE, 'commonjs'), ''))
  test('compiles with mintring/compat when only its import is changed', () =>
    assert.equal(complaints(HERE, 'commonjs'), ''))
  test('compiles as an ES module', () => assert.equal(complaints(HERE, 'module'), ''))
  test('does not compile where its calls are wrong', () => {
    const wrong = `${HERE}\nnew Memcached('a').set('k', 'v', 'soon', () => {})`
    assert.match(complaints(wrong, 'module'), /not assignable to parameter of type 'number'/)
  })
})
