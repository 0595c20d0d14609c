import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** The repository's root folder. */
export const root: string = fileURLToPath(new URL('../../', import.meta.url))

/** A source file: its path from the root with forward slashes, its text, its syntax tree. */
export interface Source {
  readonly path: string
  readonly text: string
  readonly tree: ts.SourceFile
}

/** One import or re-export of a module: `from '…'`, `import('…')` or `export … from '…'`. */
export interface Import {
  readonly specifier: string
  readonly line: number
  /** Erased by the compiler: `import type`, `export type`, `import('…').Name`. */
  readonly isType: boolean
  readonly isReexport: boolean
}

/** Parses one file; tests also use it for made-up files that break a rule. */
export function parse(path: string, text: string): Source {
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true) }
}

/** Every source file under the folders, except installed and built ones. */
export function readSources(folders: readonly string[]): Source[] {
  return folders.flatMap(walk).map((path) => parse(path, readFileSync(join(root, path), 'utf8')))
}

function walk(folder: string): string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name)
    if (entry.isDirectory()) return isForeign(entry.name) ? [] : walk(path)
    return /\.(ts|mts|mjs)$/.test(entry.name) ? [path] : []
  })
}

function isForeign(folder: string): boolean {
  return folder === 'node_modules' || folder === 'dist' || folder.startsWith('.')
}

/** Everything a file imports, in every form of import. */
export function importsOf(source: Source): Import[] {
  const found: Import[] = []
  const add = (node: ts.Node, specifier: ts.Node, isType: boolean, isReexport = false): void => {
    if (!ts.isStringLiteralLike(specifier)) return
    found.push({ specifier: specifier.text, line: lineOf(source, node), isType, isReexport })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node, node.moduleSpecifier, isTypeOnly(node.importClause))
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
      add(node, node.moduleSpecifier, node.isTypeOnly, true)
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node, node.argument.literal, true)
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      if (node.arguments[0]) add(node, node.arguments[0], false)
    }
    ts.forEachChild(node, visit)
  }
  visit(source.tree)
  return found
}

function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  return clause?.phaseModifier === ts.SyntaxKind.TypeKeyword
}

/** The path that an import of our own leads to, or undefined for a package or a module of Node. */
export function targetOf(source: Source, found: Import): string | undefined {
  if (!found.specifier.startsWith('.')) return undefined
  return posix.join(posix.dirname(source.path), found.specifier)
}

/** The line, counted from 1, that a node starts on. */
export function lineOf(source: Source, node: ts.Node): number {
  return source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree)).line + 1
}
