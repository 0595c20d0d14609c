import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import ts from 'typescript'
import { root } from '../house/sources.ts'
import { type Block, blocksOf, readPages } from './pages.ts'

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'mintring-docs-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Maps the imports of the package to its sources, because the package is not built here. */
function doors(): Record<string, string[]> {
  const paths: Record<string, string[]> = {}
  for (const [door, target] of Object.entries<{ import?: { default: string } }>(manifest.exports)) {
    const built = target.import?.default
    if (built === undefined) continue
    const source = built.replace('./dist/esm/', 'src/').replace(/\.js$/, '.ts')
    paths[door.replace('.', 'mintring')] = [join(root, source)]
  }
  return paths
}

/** Writes each TypeScript block as a module; `continued` blocks include the earlier ones. */
function modulesOf(blocks: readonly Block[]): string[] {
  let soFar = ''
  return blocks.flatMap((block) => {
    const isCode = block.language === 'ts' && !block.words.includes('fragment')
    if (!isCode) return []
    soFar = block.words.includes('continued') ? `${soFar}\n${block.code}` : block.code
    const path = join(folder, `${block.page.replace(/\W+/g, '-')}-${block.line}.mts`)
    writeFileSync(path, `${soFar}\nexport {}\n`)
    return [path]
  })
}

describe('the TypeScript blocks in README and docs', () => {
  test('compile in strict mode', () => {
    const files = readPages().map(blocksOf).flatMap(modulesOf)
    assert.ok(files.length > 10)
    const program = ts.createProgram(files, {
      module: ts.ModuleKind.NodeNext,
      target: ts.ScriptTarget.ES2023,
      lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      types: ['node'],
      typeRoots: [join(root, 'node_modules', '@types')],
      paths: doors(),
    })
    const wrong = files.flatMap((path) => {
      const file = program.getSourceFile(path)
      return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
    })
    const told = wrong.map(({ file, start = 0, messageText }) => {
      const line = file?.getLineAndCharacterOfPosition(start).line ?? 0
      const text = ts.flattenDiagnosticMessageText(messageText, ' ')
      return `${file?.fileName.split('/').at(-1)} line ${line + 1} of the block: ${text}`
    })
    assert.deepEqual(told, [])
  })
})
