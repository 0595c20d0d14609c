import ts from 'typescript'
import { type Import, importsOf, lineOf, type Source, targetOf } from './sources.ts'

/** The layers of src/, lowest first. A file may import lower layers and its own folder (room). */
const LADDER: readonly (readonly string[])[] = [
  ['runtime', 'secrets', 'duration', 'gate'],
  ['errors', 'channels', 'clock'],
  ['deadline', 'recent'],
  ['protocol', 'ring', 'tags'],
  ['arguments'],
  ['net', 'refill', 'embedded'],
  ['hosts', 'simulate'],
  ['behaviors'],
  ['client'],
  ['index', 'cli', 'integrations'],
]

const MAX_FILE_LINES = 300
const MAX_FUNCTION_LINES = 70
const MAX_COLUMNS = 100

/** The one folder of src/ that may import each runtime dependency. */
const PACKAGE_ROOMS: Readonly<Record<string, string>> = {
  'generic-pool': 'net',
  'xxhash-wasm': 'ring',
}

/** The room of a file: its folder under src/, or the file itself when it is directly in src/. */
export function roomOf(path: string): string {
  return (path.split('/')[1] ?? '').replace(/\.ts$/, '')
}

function rungOf(room: string): number {
  return LADDER.findIndex((rung) => rung.includes(room))
}

/** Reports imports of an equal or higher layer, of an `index.ts`, and of missing files. */
export function brokenImports(sources: readonly Source[]): string[] {
  const paths = new Set(sources.map((source) => source.path))
  return sources.flatMap((source) =>
    importsOf(source).flatMap((found) => {
      const wrong = wrongWith(source, found, paths)
      return wrong ? [`${source.path}:${found.line} ${wrong}`] : []
    }),
  )
}

function wrongWith(source: Source, found: Import, paths: Set<string>): string | undefined {
  const from = roomOf(source.path)
  if (rungOf(from) < 0) return `the room ${from} has no rung on the ladder`
  const target = targetOf(source, found)
  if (target === undefined) return wrongPackage(from, found)
  if (!paths.has(target)) return `imports ${found.specifier}, which is no source file`
  if (found.isReexport && !isBarrel(source.path)) {
    return `re-exports ${found.specifier}: only an index.ts is a barrel`
  }
  if (isBarrel(target)) return `imports the barrel ${target}: import the file that declares it`
  const to = roomOf(target)
  if (to === from || rungOf(to) < rungOf(from)) return undefined
  const relation = rungOf(to) === rungOf(from) ? 'its sibling' : 'the room above it,'
  return `${from} imports ${relation} ${to} (${found.specifier})`
}

function isBarrel(path: string): boolean {
  return path.endsWith('/index.ts')
}

function wrongPackage(room: string, found: Import): string | undefined {
  if (found.specifier.startsWith('node:')) return undefined
  // The packages that integrations adapt are optional: only their types may be imported.
  if (room === 'integrations' && found.isType) return undefined
  const owner = PACKAGE_ROOMS[found.specifier]
  if (owner === room) return undefined
  const rule = owner ? `only ${owner} may` : 'it is not a dependency (or lacks its node: prefix)'
  return `${room} imports ${found.specifier}: ${rule}`
}

/** Reports circles of imports, type-only ones included, each once and from its first file. */
export function importCycles(sources: readonly Source[]): string[] {
  const edges = new Map(
    sources.map((source) => [
      source.path,
      importsOf(source).flatMap((found) => targetOf(source, found) ?? []),
    ]),
  )
  const done = new Set<string>()
  const cycles: string[] = []
  const follow = (path: string, trail: readonly string[]): void => {
    const seenAt = trail.indexOf(path)
    if (seenAt >= 0) cycles.push([...trail.slice(seenAt), path].join(' → '))
    if (seenAt >= 0 || done.has(path)) return
    for (const next of edges.get(path) ?? []) follow(next, [...trail, path])
    done.add(path)
  }
  for (const source of sources) follow(source.path, [])
  return cycles
}

/** Folders of src/ that only compute: they get the clock and random numbers as arguments. */
const PURE_ROOMS: readonly string[] = ['protocol', 'ring']
const IMPURE = /^(Date|performance|setTimeout|setInterval|setImmediate|process)$/
const IMPURE_MODULES = /^node:(net|tls|dgram|dns|fs|child_process|worker_threads|timers)/

/** Reports clocks, timers, random numbers and sockets in the folders that only compute. */
export function impurities(sources: readonly Source[]): string[] {
  return sources
    .filter((source) => PURE_ROOMS.includes(roomOf(source.path)))
    .flatMap((source) => {
      const modules = importsOf(source)
        .filter((found) => IMPURE_MODULES.test(found.specifier) && !found.isType)
        .filter((found) => !isAddressCheck(source, found))
        .map((found) => `${source.path}:${found.line} imports ${found.specifier}`)
      return [...modules, ...impureNames(source)]
    })
}

/** `isIP` and similar functions only read a string, although they belong to node:net. */
function isAddressCheck(source: Source, found: Import): boolean {
  return /import \{ (isIP\w*(, )?)+ \}/.test(source.text.split('\n')[found.line - 1] ?? '')
}

function impureNames(source: Source): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    const isDice = ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random'
    const isName = ts.isPropertyAccessExpression(node) || ts.isCallExpression(node)
    const name = isName ? node.expression.getText() : ''
    if (isDice || IMPURE.test(name)) {
      found.push(`${source.path}:${lineOf(source, node)} uses ${isDice ? 'Math.random' : name}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source.tree)
  return found
}

/** Folders of src/ that may use global timers, mostly because they are separate programs. */
const OWN_TIME: readonly string[] = ['runtime', 'embedded', 'simulate', 'cli']
const TAKEN_AT_LOAD =
  /^((set|clear)(Timeout|Interval|Immediate)|performance\.now|process\.nextTick)$/

/** Reports global timers and clocks, which fake timers replace: runtime.ts exports Node's own. */
export function fakeableTimers(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => path.startsWith('src/') && !OWN_TIME.includes(roomOf(path)))
    .flatMap((source) => {
      const imported = new Set(
        source.tree.statements
          .filter(ts.isImportDeclaration)
          .filter((node) => /runtime\.ts['"]$/.test(node.moduleSpecifier.getText()))
          .flatMap((node) => node.importClause?.namedBindings?.getText().match(/\w+/g) ?? []),
      )
      const found: string[] = []
      const visit = (node: ts.Node): void => {
        const name = ts.isCallExpression(node) ? node.expression.getText() : ''
        if (TAKEN_AT_LOAD.test(name) && !imported.has(name.split('.')[0] ?? '')) {
          found.push(`${source.path}:${lineOf(source, node)} calls the global ${name}`)
        }
        ts.forEachChild(node, visit)
      }
      visit(source.tree)
      return found
    })
}

/** Reports files, functions and lines that are too long. */
export function oversized(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => [
    ...longFile(source),
    ...wideLines(source),
    ...longFunctions(source),
  ])
}

/** The file of the public client class. It is long because every verb has a signature there. */
const FACE = 'src/client/client.ts'

function longFile(source: Source): string[] {
  const lines = codeLines(source.text)
  return lines > MAX_FILE_LINES && source.path !== FACE
    ? [`${source.path} has ${lines} code lines (most: ${MAX_FILE_LINES})`]
    : []
}

/** Counts lines of code only, so that the limit is no reason to leave out a comment. */
function codeLines(text: string): number {
  return text.split('\n').filter((line) => !/^\s*(\/\/|\/?\*|$)/.test(line)).length
}

function wideLines(source: Source): string[] {
  return source.text.split('\n').flatMap((line, index) => {
    const columns = [...line].length
    const isWide = columns > MAX_COLUMNS && !isTitle(line)
    return isWide
      ? [`${source.path}:${index + 1} has ${columns} columns (most: ${MAX_COLUMNS})`]
      : []
  })
}

/** Whether a line starts a test. Its name may be too wide, because a string has no line breaks. */
function isTitle(line: string): boolean {
  return /^\s*(test|it|describe)\(\s*['`]/.test(line)
}

function longFunctions(source: Source): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    const lines = isFunction(node) && !isSuite(node) ? codeLines(node.getText(source.tree)) : 0
    if (lines > MAX_FUNCTION_LINES) {
      const place = `${source.path}:${lineOf(source, node)}`
      found.push(`${place} is a function of ${lines} code lines (most: ${MAX_FUNCTION_LINES})`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source.tree)
  return found
}

function isFunction(node: ts.Node): boolean {
  return ts.isFunctionLike(node) && 'body' in node && node.body !== undefined
}

/** The callback of `describe(…)` only groups tests, so its length does not count. */
function isSuite(node: ts.Node): boolean {
  if (!ts.isCallExpression(node.parent) || !ts.isArrowFunction(node)) return false
  if (node.parent.expression.getText() === 'describe') return true
  const isTest = /^(test|it)\(/
  return ts.isBlock(node.body) && node.body.statements.every((each) => isTest.test(each.getText()))
}

/** Reports marks of unfinished work, and tests that are skipped or run alone. */
export function leftovers(sources: readonly Source[]): string[] {
  const marks = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].join('|')})\\b`)
  const quietTest = /\b(test|it|describe)\.(only|skip|todo)\(|\b(only|todo): true/
  return sources.flatMap((source) =>
    source.text.split('\n').flatMap((line, index) => {
      const mark = marks.exec(line)?.[0] ?? quietTest.exec(line)?.[0]
      const isHelper =
        source.path.startsWith('test/support/') || source.path.startsWith('test/house/')
      return mark && !isHelper ? [`${source.path}:${index + 1} still says ${mark}`] : []
    }),
  )
}
