import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { realCache } from '../adapters/support.ts'
import { root } from '../house/sources.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { TYPESCRIPT } from '../support/typescript.ts'
import { type Block, blocksOf, readPages } from './pages.ts'

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Makes a block import the sources, and connect to an embedded server at the docs' address. */
function runnable(code: string, address: string): string {
  const doors = code.replace(/'(mintring(?:\/[\w-]+)?)'/g, (_, door: string) => {
    const built: string = manifest.exports[door.replace('mintring', '.')].import.default
    const source = built.replace('./dist/esm/', 'src/').replace(/\.js$/, '.ts')
    return `'${pathToFileURL(join(root, source)).href}'`
  })
  const placed = doors.replaceAll('127.0.0.1:11211', address).replaceAll('3000', '0')
  // A service runs until it is stopped: its block only has to start.
  return placed.includes('.listen(') ? `${placed}\nsetTimeout(process.exit, 300, 0)\n` : placed
}

async function run(block: Block, address: string, folder: string): Promise<string> {
  const path = join(folder, `${block.page}-${block.line}.mts`.replace(/\W+(?=.*\.mts)/g, '-'))
  writeFileSync(path, runnable(block.code, address))
  const args = [...TYPESCRIPT, '--unhandled-rejections=strict', path]
  const child = spawn(process.execPath, args, { cwd: root, timeout: 60_000 })
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (bytes) => (said.stdout += bytes))
  child.stderr.on('data', (bytes) => (said.stderr += bytes))
  const [status] = await once(child, 'close')
  assert.equal(status, 0, said.stdout + said.stderr)
  return said.stdout
}

const options = { skip: skipWithoutMemcached(), concurrency: 2 }

/**
 * Runs the blocks of the docs marked with `word` (as in `ts fragment hosts`) as printed, in the
 * folder of tests where the packages they need are installed. A block `text output` after a block
 * shows what it prints. There must be at least `least` blocks.
 */
export function testBlocks(word: string, place: string, least: number): void {
  const folder = join(root, place, 'node_modules/.cache', `docs-${process.pid}`)
  describe(`the code blocks of the docs that need the packages of ${place}`, options, () => {
    const real = realCache()
    before(() => mkdirSync(folder, { recursive: true }))
    after(() => rmSync(folder, { recursive: true, force: true }))

    const blocks = readPages().flatMap((page) => blocksOf(page))
    const ours = blocks.filter((block) => block.words.includes(word))

    test('are found: there are enough blocks to run', () => assert.ok(ours.length >= least))

    for (const block of ours) {
      test(`${block.page}:${block.line} runs as printed`, async () => {
        const printed = await run(block, real.address, folder)
        const next = blocks[blocks.indexOf(block) + 1]
        if (next?.words.includes('output')) assert.equal(printed, next.code)
      })
    }
  })
}
