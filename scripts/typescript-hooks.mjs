import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const CACHE = fileURLToPath(new URL('../node_modules/.cache/typescript/', import.meta.url))

/** Node's hook for each module. */
export async function load(url, context, nextLoad) {
  if (!/^file:.*\.m?ts$/.test(url)) return nextLoad(url, context)
  return { format: 'module', shortCircuit: true, source: await javascriptOf(fileURLToPath(url)) }
}

async function javascriptOf(path) {
  const typescript = await readFile(path)
  const hash = createHash('sha1').update(path).update(typescript).digest('hex')
  const file = `${CACHE}${hash}.mjs`
  try {
    return await readFile(file)
  } catch {
    return compile(path, typescript, file)
  }
}

async function compile(path, typescript, file) {
  const { transform } = await import('esbuild')
  const { code } = await transform(typescript, {
    ...{ loader: 'ts', format: 'esm', target: `node${process.versions.node}` },
    ...{ sourcefile: path, sourcemap: 'inline', sourcesContent: false },
  })
  // Other processes read the file at any time, so it appears whole.
  const draft = `${file}.${process.pid}`
  await mkdir(CACHE, { recursive: true })
  await writeFile(draft, code)
  await rename(draft, file)
  return code
}
