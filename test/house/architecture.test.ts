import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { readSources, root } from './sources.ts'

const text = readFileSync(join(root, 'docs/architecture.md'), 'utf8')
const names = new Set(
  readSources(['src', 'test', 'scripts', 'bench']).map(({ path }) => basename(path)),
)

test('docs/architecture.md names only files and folders that exist', () => {
  const files = [...text.matchAll(/(?<![.\w-])[\w-]+(?:\.[\w-]+)*\.(?:ts|mjs)\b/g)].map(
    ([name]) => name,
  )
  assert.ok(files.length > 10)
  assert.deepEqual(
    [...new Set(files)].filter((name) => !names.has(name)),
    [],
  )
  const folders = [...text.matchAll(/\b(?:src|test|bench|scripts|docs)\/[\w/-]*\w(?![\w.-])/g)].map(
    ([path]) => path,
  )
  assert.deepEqual(
    [...new Set(folders)].filter(
      (path) => !existsSync(join(root, path)) && !existsSync(join(root, `${path}.ts`)),
    ),
    [],
  )
})

test('every word of the glossary in docs/architecture.md has a file or folder of src/ that exists', () => {
  const glossary = text.slice(text.indexOf('## Words'), text.indexOf('## What is not obvious'))
  const rows = [...glossary.matchAll(/^\| ([^|*]+) \| [^|]+ \| ([^|]+) \|$/gm)].slice(2)
  assert.ok(rows.length > 40)
  const missing = rows.flatMap(([, word, places]) =>
    [...places!.matchAll(/`([^`]+)`/g)]
      .filter(([, place]) => !existsSync(join(root, 'src', place!)))
      .map(([, place]) => `${word}: ${place}`),
  )
  assert.deepEqual(missing, [])
})
