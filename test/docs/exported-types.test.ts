import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import ts from 'typescript'
import { root } from '../house/sources.ts'

/** The source file of every entry point of the package. */
function doors(): Map<string, string> {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const targets = Object.entries<{ import?: { types: string } }>(manifest.exports)
  const typed = targets.filter(([, target]) => target.import !== undefined)
  return new Map(
    typed.map(([door, target]) => {
      const source = target.import!.types.replace('./dist/esm/', 'src/').replace('.d.ts', '.ts')
      return [door, join(root, source)]
    }),
  )
}

/** Finds the names that the public signatures of one entry point need and it does not export. */
class Door {
  readonly missing = new Set<string>()
  readonly #checker: ts.TypeChecker
  readonly #exported: Set<ts.Symbol>
  readonly #seen = new Set<ts.Node>()

  /** `also`: names that users of this entry point import from another one. */
  constructor(checker: ts.TypeChecker, module: ts.Symbol, also: ReadonlySet<ts.Symbol>) {
    this.#checker = checker
    this.#exported = new Set(also)
    const own = checker.getExportsOfModule(module)
    for (const symbol of own) this.#export(symbol)
    for (const symbol of own) {
      const isMade = !isTypeOnly(symbol)
      for (const declaration of this.#target(symbol).declarations ?? []) {
        this.#visit(declaration, isMade)
      }
    }
  }

  get exported(): ReadonlySet<ts.Symbol> {
    return this.#exported
  }

  #export(symbol: ts.Symbol): void {
    const target = this.#target(symbol)
    this.#exported.add(target)
    for (const declaration of target.declarations ?? []) {
      const renamed = renamedBy(declaration)
      if (renamed !== undefined) this.#exported.add(this.#symbolAt(renamed)!)
      if (!ts.isModuleDeclaration(declaration)) continue
      for (const member of this.#checker.getExportsOfModule(target)) this.#export(member)
    }
  }

  /**
   * Visits the parts of a node that a declaration file keeps. `isMade`: callers can construct it.
   */
  #visit(node: ts.Node, isMade = true): void {
    if (this.#seen.has(node) || isHidden(node)) return
    if (ts.isConstructorDeclaration(node) && !isMade) return
    this.#seen.add(node)
    const name = nameOf(node)
    if (name !== undefined) this.#need(name)
    ts.forEachChild(node, (child) => {
      const isCode = ts.isBlock(child) || child === (node as ts.VariableDeclaration).initializer
      if (!isCode) this.#visit(child, isMade)
    })
  }

  #need(name: ts.EntityName | ts.Expression): void {
    const target = this.#symbolAt(name)
    const declaration = target?.declarations?.[0]
    if (target === undefined || declaration === undefined || this.#exported.has(target)) return
    if (target.flags & ts.SymbolFlags.TypeParameter) return
    const file = declaration.getSourceFile().fileName
    if (file.startsWith(join(root, 'src'))) this.missing.add(target.name)
  }

  #symbolAt(name: ts.Node): ts.Symbol | undefined {
    const symbol = this.#checker.getSymbolAtLocation(name)
    return symbol === undefined ? undefined : this.#target(symbol)
  }

  #target(symbol: ts.Symbol): ts.Symbol {
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0
    return isAlias ? this.#checker.getAliasedSymbol(symbol) : symbol
  }
}

/** `export type { Class }`: users of the entry point cannot construct it. */
function isTypeOnly(symbol: ts.Symbol): boolean {
  return (symbol.declarations ?? []).some(
    (node) => ts.isExportSpecifier(node) && (node.isTypeOnly || node.parent.parent.isTypeOnly),
  )
}

/** Returns the type that a declaration renames: an alias, or an interface without own members. */
function renamedBy(node: ts.Node): ts.Node | undefined {
  if (ts.isTypeAliasDeclaration(node) && ts.isTypeReferenceNode(node.type)) {
    return leftmost(node.type.typeName)
  }
  if (!ts.isInterfaceDeclaration(node) || node.members.length > 0) return undefined
  return node.heritageClauses?.[0]?.types[0]?.expression
}

/** The name of a type that a node refers to. */
function nameOf(node: ts.Node): ts.EntityName | ts.Expression | undefined {
  if (ts.isTypeReferenceNode(node)) return leftmost(node.typeName)
  if (ts.isExpressionWithTypeArguments(node)) return node.expression
  return undefined
}

/** `types` of `types.Command`: exporting the namespace exports its members. */
function leftmost(name: ts.EntityName): ts.EntityName {
  return ts.isQualifiedName(name) ? name.right : name
}

/** Private members have no type in a declaration file, and internal ones are not public. */
function isHidden(node: ts.Node): boolean {
  if (ts.getCombinedModifierFlags(node as ts.Declaration) & ts.ModifierFlags.Private) return true
  if (ts.isClassElement(node) && node.name !== undefined && ts.isPrivateIdentifier(node.name)) {
    return true
  }
  return ts.getJSDocTags(node).some((tag) => tag.tagName.text === 'internal')
}

test('every type that a public signature needs is exported by the same entry point', () => {
  const files = doors()
  const program = ts.createProgram([...files.values()], {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.NodeNext,
    allowImportingTsExtensions: true,
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: ['node'],
  })
  const checker = program.getTypeChecker()
  const opened = (file: string, also: ReadonlySet<ts.Symbol>): Door => {
    return new Door(checker, checker.getSymbolAtLocation(program.getSourceFile(file)!)!, also)
  }
  const main = opened(files.get('.')!, new Set())
  const unexported: Record<string, string[]> = {}
  for (const [door, file] of files) {
    // Adapters take a client, whose type comes from `mintring` itself.
    const isAdapter = file.includes('/integrations/')
    const { missing } = opened(file, isAdapter ? main.exported : new Set())
    if (missing.size > 0) unexported[door] = [...missing].sort()
  }
  assert.deepEqual(unexported, {})
})
