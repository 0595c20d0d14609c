import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import ts from 'typescript'
import { readSources } from '../house/sources.ts'

/**
 * Files that need internals: they read a client's own messages, or replace another package's
 * client.
 */
const OTHERS = /\/(?:compat|otel|metrics|prom)/
/** Modules that every part of the project may use and that are not public. */
const UTILITIES = /^(?:\.\.\/){1,2}(?:errors|runtime|arguments|secrets|deadline)\.ts$/

/** Returns the names that a file imports, with the file or folder that each comes from. */
function importsOf(text: string): { readonly from: string; readonly name: string }[] {
  const file = ts.createSourceFile('a.ts', text, ts.ScriptTarget.ES2023)
  return file.statements.filter(ts.isImportDeclaration).flatMap((statement) => {
    const from = (statement.moduleSpecifier as ts.StringLiteral).text
    const named = statement.importClause?.namedBindings
    if (named === undefined || !ts.isNamedImports(named)) return []
    return named.elements.map(({ name, propertyName }) => ({
      from,
      name: (propertyName ?? name).text,
    }))
  })
}

function exportsOf(text: string): Set<string> {
  const file = ts.createSourceFile('a.ts', text, ts.ScriptTarget.ES2023)
  const exported = file.statements
    .filter(ts.isExportDeclaration)
    .flatMap(({ exportClause }) =>
      exportClause !== undefined && ts.isNamedExports(exportClause)
        ? exportClause.elements.map(({ name }) => name.text)
        : [],
    )
  return new Set(exported)
}

describe('adapters', () => {
  const sources = readSources(['src'])
  const door = exportsOf(sources.find(({ path }) => path === 'src/index.ts')!.text)

  for (const { path, text } of sources) {
    if (!path.startsWith('src/integrations/') || OTHERS.test(path)) continue
    const up = path.split('/').length === 3 ? '../' : '../../'
    test(`${path} uses only what the package exports`, () => {
      const inside = importsOf(text)
        .filter(({ from }) => from.startsWith(up) && from.split('/').length > up.split('/').length)
        .filter(({ from, name }) => !UTILITIES.test(from) && !door.has(name))
      assert.deepEqual(inside, [])
    })
  }
})
