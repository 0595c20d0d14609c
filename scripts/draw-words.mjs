// Draws comments, messages and test names at random, for a reader who does not know the project:
//   node --import ./scripts/typescript.mjs scripts/draw-words.mjs [seed [count]]
// The reader says what each means; what takes two readings is rewritten.
import process from 'node:process'
import ts from 'typescript'
import { lineOf, readSources } from '../test/house/sources.ts'

const [seed = 1, count = 100] = process.argv.slice(2).map(Number)

/** Every comment, every text of an error or warning, and every test name after its suite's name. */
function wordsOf(source) {
  const found = []
  const add = (node, text) => found.push(`${source.path}:${lineOf(source, node)}\n  ${text}`)
  const visit = (node) => {
    const parent = node.parent
    if (parent === undefined || parent.getFullStart() !== node.getFullStart()) {
      for (const text of commentsBefore(source, node)) add(node, text)
    }
    if (isMessage(node)) add(node, node.getText(source.tree))
    if (isTestName(node)) add(node, fullName(node))
    ts.forEachChild(node, visit)
  }
  visit(source.tree)
  return found
}

/** The comments before a node. Line comments below each other are one comment. */
function commentsBefore(source, node) {
  const comments = []
  let lastEnd = -1
  for (const { pos, end, kind } of ts.getLeadingCommentRanges(source.text, node.getFullStart()) ??
    []) {
    const text = source.text.slice(pos, end)
    const isLine = kind === ts.SyntaxKind.SingleLineCommentTrivia
    const isNext = lastEnd >= 0 && /^\n[ \t]*$/.test(source.text.slice(lastEnd, pos))
    if (isLine && isNext) comments.push(`${comments.pop()}\n  ${text}`)
    else comments.push(text)
    lastEnd = isLine ? end : -1
  }
  return comments
}

function isText(node) {
  return ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)
}

/** A sentence in src/: a text of at least three words. */
function isMessage(node) {
  if (!node.getSourceFile().fileName.startsWith('src/') || !isText(node)) return false
  return /\w+ \w+ \w+/.test(node.getText())
}

function isTestName(node) {
  if (!isText(node) || !ts.isCallExpression(node.parent)) return false
  const call = node.parent.getText()
  return node.parent.arguments[0] === node && /^(test|it|describe|suite)\b/.test(call)
}

/** The name of a test as a reporter shows it: below the names of the suites around it. */
function fullName(node) {
  const names = [node.getText()]
  for (let outer = node.parent.parent; outer !== undefined; outer = outer.parent) {
    const [name] = ts.isCallExpression(outer) ? outer.arguments : []
    if (name !== undefined && isTestName(name)) names.unshift(name.getText())
  }
  return names.join(' > ')
}

/** A small generator of numbers (mulberry32): the same seed draws the same words. */
function dice(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const words = readSources(['src', 'test']).flatMap(wordsOf)
const roll = dice(seed)
for (let i = 0; i < count && words.length > 0; i++) {
  const [drawn] = words.splice(Math.floor(roll() * words.length), 1)
  process.stdout.write(`${i + 1}. ${drawn}\n`)
}
