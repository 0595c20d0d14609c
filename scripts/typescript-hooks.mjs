import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const KEPT = fileURLToPath(new URL('../node_modules/.cache/typescript/', import.meta.url))
const require = createRequire(import.meta.url)

/** Node's hook for each module. */
export function load(url, context, nextLoad) {
  if (!/^file:.*\.m?ts$/.test(url)) return nextLoad(url, context)
  return { format: 'module', shortCircuit: true, source: javascriptOf(fileURLToPath(url)) }
}

function javascriptOf(path) {
  const typescript = readFileSync(path, 'utf8')
  const { node } = process.versions
  const hash = createHash('sha1').update(node).update(path).update(typescript).digest('hex')
  const file = `${KEPT}${hash}.mjs`
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return compile(path, typescript, file)
  }
}

function compile(path, typescript, file) {
  const { transformSync } = require('esbuild')
  const { code } = transformSync(typescript, {
    ...{ loader: 'ts', format: 'esm', target: `node${process.versions.node}` },
    ...{ sourcefile: path, sourcemap: 'inline', sourcesContent: false },
  })
  // Other processes read the file at any time, so it appears whole.
  const draft = `${file}.${process.pid}`
  mkdirSync(KEPT, { recursive: true })
  writeFileSync(draft, code)
  renameSync(draft, file)
  return code
}
