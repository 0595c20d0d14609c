import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ambiguousExports, doorFiles, unusedExports } from './house/exports.ts'
import {
  brokenImports,
  fakeableTimers,
  importCycles,
  impurities,
  leftovers,
  oversized,
} from './house/rules.ts'
import { parse, readSources } from './house/sources.ts'

const src = readSources(['src'])
const everything = readSources(['src', 'test', 'bench', 'scripts', 'examples'])

function none(complaints: readonly string[]): void {
  assert.equal(complaints.length, 0, `\n  ${complaints.join('\n  ')}`)
}

describe('the source tree', () => {
  test('is found: there are files to check', () => {
    assert.ok(src.length > 20, `only ${src.length} files found in src/`)
  })

  test('imports only folders of lower layers, and never an index.ts', () => {
    none(brokenImports(src))
  })

  test('has no circle of imports, type-only ones included', () => {
    none(importCycles(src))
  })

  test('uses no clocks, random numbers or sockets in folders that only compute', () => {
    none(impurities(src))
  })

  test('takes timers and clocks from runtime.ts, so that fake timers do not replace them', () => {
    none(fakeableTimers(src))
  })

  test('keeps files, functions and lines short', () => {
    none(oversized(everything))
  })

  test('exports no function, class or constant that nothing imports', () => {
    none(unusedExports(everything, doorFiles()))
  })

  test('exports no name with two meanings', () => {
    none(ambiguousExports(src))
  })

  test('has no marks of unfinished work and no skipped tests', () => {
    none(leftovers(everything))
  })
})

describe('the checks of the source tree', () => {
  const planted = (path: string, text: string, ...others: string[]) =>
    brokenImports([parse(path, text), ...others.map((other) => parse(other, ''))])

  test('allow imports of a lower layer and of the same folder', () => {
    const text = "import { a } from '../errors.ts'\nimport { b } from './b.ts'\nimport 'node:net'"
    assert.deepEqual(planted('src/net/a.ts', text, 'src/errors.ts', 'src/net/b.ts'), [])
  })

  test('report imports of a higher layer, also type-only ones', () => {
    const text = "import type { Host } from '../hosts/host.ts'"
    assert.match(
      planted('src/net/a.ts', text, 'src/hosts/host.ts')[0] ?? '',
      /room above it, hosts/,
    )
    const inline = "type Host = import('../hosts/host.ts').Host"
    assert.match(planted('src/net/a.ts', inline, 'src/hosts/host.ts')[0] ?? '', /above it, hosts/)
  })

  test('report imports of the same layer, index.ts, unknown folders and missing files, and re-exports', () => {
    const at = (text: string, other: string, path = 'src/net/a.ts') =>
      planted(path, text, other)[0] ?? ''
    assert.match(at("import '../refill/refill.ts'", 'src/refill/refill.ts'), /its sibling refill/)
    assert.match(at("import '../ring/index.ts'", 'src/ring/index.ts'), /imports the barrel/)
    assert.match(at("export * from './b.ts'", 'src/net/b.ts'), /only an index.ts is a barrel/)
    assert.match(at("import './b.ts'", 'src/utils/b.ts', 'src/utils/a.ts'), /no rung/)
    assert.match(at("import './gone.ts'", 'src/net/b.ts'), /no source file/)
  })

  test('report a dependency outside the folder that may import it, and undeclared packages', () => {
    assert.deepEqual(planted('src/net/a.ts', "import { createPool } from 'generic-pool'"), [])
    const inRing = planted('src/ring/a.ts', "import { createPool } from 'generic-pool'")
    assert.match(inRing[0] ?? '', /only net may/)
    assert.match(planted('src/net/a.ts', "import 'lodash'")[0] ?? '', /not a dependency/)
    assert.match(planted('src/net/a.ts', "import 'net'")[0] ?? '', /node: prefix/)
    assert.deepEqual(planted('src/integrations/a.ts', "import type { A } from 'keyv'"), [])
  })

  test('report a circle of imports with its path', () => {
    const circle = [
      parse('src/net/a.ts', "import type { B } from './b.ts'"),
      parse('src/net/b.ts', "export const c = () => import('./c.ts')"),
      parse('src/net/c.ts', "import './a.ts'"),
    ]
    assert.deepEqual(importCycles(circle), [
      'src/net/a.ts → src/net/b.ts → src/net/c.ts → src/net/a.ts',
    ])
  })

  test('report a clock, a timer and a socket in a folder that must only compute', () => {
    const text = "import 'node:net'\nDate.now()\nsetTimeout(f, 1)\nMath.random()\nMath.floor(1)"
    assert.equal(impurities([parse('src/ring/a.ts', text)]).length, 4)
    assert.equal(impurities([parse('src/net/a.ts', text)]).length, 0)
    const check = "import { isIPv6 } from 'node:net'\nimport type { A } from 'node:tls'"
    assert.deepEqual(impurities([parse('src/ring/a.ts', check)]), [])
  })

  test('report global timers and clocks that are not imported from runtime.ts', () => {
    const text = 'setTimeout(f, 1)\nperformance.now()\nprocess.nextTick(f)'
    assert.equal(fakeableTimers([parse('src/net/a.ts', text)]).length, 3)
    const taken = "import { performance, setTimeout } from '../runtime.ts'\n"
    assert.equal(fakeableTimers([parse('src/net/a.ts', taken + text)]).length, 1)
    assert.deepEqual(fakeableTimers([parse('src/embedded/a.ts', text)]), [])
  })

  test('report files, functions and lines that are too long', () => {
    const lines = (count: number) => 'a()\n'.repeat(count)
    assert.equal(oversized([parse('src/a.ts', lines(300))]).length, 0)
    assert.equal(oversized([parse('src/a.ts', lines(301))]).length, 1)
    assert.equal(oversized([parse('src/a.ts', `function f() {\n${lines(68)}}`)]).length, 0)
    assert.equal(oversized([parse('src/a.ts', `function f() {\n${lines(69)}}`)]).length, 1)
    assert.equal(oversized([parse('src/a.ts', `// ${'é'.repeat(97)}`)]).length, 0)
    assert.equal(oversized([parse('src/a.ts', `// ${'é'.repeat(98)}`)]).length, 1)
    assert.equal(oversized([parse('test/a.ts', `test('${'a'.repeat(100)}', f)`)]).length, 0)
  })

  test('report an export that nothing imports in any form of import', () => {
    const used = 'export const a = 1\nexport function b() {}\nexport class C {}\nexport type D = 1'
    const complaints = (text: string) =>
      unusedExports([parse('src/x/a.ts', used), parse('src/x/b.ts', text)], new Set())
    assert.equal(complaints("import { a } from './a.ts'").length, 2)
    assert.equal(complaints("import { a as z, b, type C } from './a.ts'").length, 0)
    assert.equal(complaints("import * as all from './a.ts'").length, 0)
    assert.equal(complaints("const all = await import('./a.ts')").length, 0)
    assert.equal(complaints("export { a, b } from './a.ts'").length, 1)
    assert.deepEqual(unusedExports([parse('src/x/a.ts', used)], new Set(['src/x/a.ts'])), [])
  })

  test('report a name with two meanings, but not a re-exported one', () => {
    const at = (path: string, text: string) => parse(path, text)
    const one = at('src/x/a.ts', 'export type A = 1')
    assert.equal(ambiguousExports([one, at('src/y/b.ts', 'export class A {}')]).length, 1)
    const passedOn = "import type { A } from '../x/a.ts'\nexport type { A }"
    assert.deepEqual(ambiguousExports([one, at('src/y/b.ts', passedOn)]), [])
  })

  test('report marks of unfinished work and skipped tests', () => {
    const text = `// ${'TO' + 'DO'}: later\ntest.${'only'}('x', f)\n`
    assert.equal(leftovers([parse('test/a.test.ts', text)]).length, 2)
  })
})
