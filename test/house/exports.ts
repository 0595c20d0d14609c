import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import ts from 'typescript'
import { root, type Source, targetOf } from './sources.ts'

/** What is exported from a file under `src/`. */
interface Exported {
  readonly path: string
  readonly name: string
  readonly isType: boolean
  /** Exported by a list of names, so it may be declared in another file. */
  readonly isAlias: boolean
}

/**
 * Reports functions, classes and constants that no other file imports. `doors` are the files that
 * package.json exports: their exports are for users. Unused types are allowed, for readers of a
 * signature.
 */
export function unusedExports(sources: readonly Source[], doors: ReadonlySet<string>): string[] {
  const used = new Set(sources.flatMap(importedNames))
  return sources
    .filter(({ path }) => path.startsWith('src/') && !doors.has(path))
    .flatMap(exportsOf)
    .filter(({ isType }) => !isType)
    .filter(({ path, name }) => !used.has(`${path} ${name}`) && !used.has(`${path} *`))
    .map(({ path, name }) => `${path} exports ${name}, which nothing imports`)
}

/** The sources of the entry points in package.json, and of its command. */
export function doorFiles(): Set<string> {
  const packed = readFileSync(join(root, 'package.json'), 'utf8')
  const built = packed.matchAll(/"\.\/dist\/esm\/([\w/-]+)\.js"/g)
  return new Set([...built].map(([, door]) => `src/${door}.ts`))
}

/** Names that two entry points of the package export for different things, on purpose. */
const OF_TWO_DOORS: ReadonlySet<string> = new Set(['DumpOptions', 'Location'])

/** Reports names that mean different things in different files of `src/`. */
export function ambiguousExports(sources: readonly Source[]): string[] {
  const paths = new Map<string, string[]>()
  for (const { path, name } of sources.flatMap(exportsOf).filter(({ isAlias }) => !isAlias)) {
    paths.set(name, [...(paths.get(name) ?? []), path])
  }
  return [...paths]
    .filter(([name, found]) => found.length > 1 && !OF_TWO_DOORS.has(name))
    .map(([name, found]) => `${name} is exported by ${found.join(' and ')}`)
}

/** The names that a file declares and exports; re-exports are not counted. */
function exportsOf({ path, tree }: Source): Exported[] {
  const names = new Map<string, boolean>()
  const aliases = new Set<string>()
  const add = (name: string, node: ts.Node): void => {
    names.set(name, ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node))
  }
  for (const node of tree.statements) {
    if (ts.isExportDeclaration(node) && !node.moduleSpecifier && node.exportClause) {
      if (ts.isNamedExports(node.exportClause)) {
        for (const { name } of node.exportClause.elements) {
          add(name.text, node)
          aliases.add(name.text)
        }
      }
    }
    if (!ts.canHaveModifiers(node) || !ts.getModifiers(node)?.some(isExport)) continue
    if (ts.isVariableStatement(node)) {
      for (const { name } of node.declarationList.declarations) add(name.getText(tree), node)
    } else if ('name' in node && node.name) {
      add((node.name as ts.Identifier).text, node)
    }
  }
  return [...names].map(([name, isType]) => ({ path, name, isType, isAlias: aliases.has(name) }))
}

function isExport(modifier: ts.Modifier): boolean {
  return modifier.kind === ts.SyntaxKind.ExportKeyword
}

/** `path name` for each name that a file imports; `path *` for a whole module. */
function importedNames(source: Source): string[] {
  const found: string[] = []
  const add = (specifier: ts.Node | undefined, names: readonly string[]): void => {
    if (!specifier || !ts.isStringLiteralLike(specifier)) return
    const imported = { specifier: specifier.text, line: 0, isType: false, isReexport: false }
    const target = targetOf(source, imported)
    if (target !== undefined)
      found.push(...names.map((name) => `${posix.normalize(target)} ${name}`))
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, namesOf(node.importClause))
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, reexported(node))
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      const name = node.qualifier?.getText(source.tree).split('.')[0]
      add(node.argument.literal, [name ?? '*'])
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], ['*'])
    }
    ts.forEachChild(node, visit)
  }
  visit(source.tree)
  return found
}

function namesOf(clause: ts.ImportClause | undefined): string[] {
  const bindings = clause?.namedBindings
  if (bindings === undefined) return []
  if (ts.isNamespaceImport(bindings)) return ['*']
  return bindings.elements.map(({ name, propertyName }) => (propertyName ?? name).text)
}

function reexported({ exportClause }: ts.ExportDeclaration): string[] {
  if (exportClause === undefined || ts.isNamespaceExport(exportClause)) return ['*']
  return exportClause.elements.map(({ name, propertyName }) => (propertyName ?? name).text)
}
