import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'
import type { EmbeddedServer } from '../../src/embedded/embedded-server.ts'
import { startServer } from '../../src/embedded/server.ts'
import { root } from '../house/sources.ts'
import { TYPESCRIPT } from '../support/typescript.ts'
import { type Block, blocksOf, readPages } from './pages.ts'

/*
 * Runs every TypeScript and JavaScript block of README and docs as printed, each as its own
 * program, against embedded servers at the addresses that it uses. Words after the language of a
 * block: `continued`: it continues the earlier blocks of the page. `fragment`: it is part of a
 * larger program, so only its syntax is checked. A block `text output` after a block shows what it
 * prints.
 */
const RUNNABLE = ['ts', 'js', 'mjs', 'typescript', 'javascript']
const TIME_LIMIT_MS = 20_000
const folder = join(root, 'node_modules', '.cache', `docs-${process.pid}`)
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

interface Program {
  readonly name: string
  readonly code: string
  readonly prints: string | undefined
}

function programsOf(blocks: readonly Block[]): Program[] {
  const programs: Program[] = []
  let soFar = ''
  blocks.forEach((block, index) => {
    if (!RUNNABLE.includes(block.language) || block.words.includes('fragment')) return
    soFar = block.words.includes('continued') ? `${soFar}\n${block.code}` : block.code
    const next = blocks[index + 1]
    const prints = next?.words.includes('output') ? next.code : undefined
    programs.push({ name: `${block.page}:${block.line}`, code: soFar, prints })
  })
  return programs
}

/** Makes a block import the sources, and connect to embedded servers at the docs' addresses. */
function runnable(code: string, servers: readonly EmbeddedServer[]): string {
  const doors = code.replace(/(['"])(mintring(?:\/[\w-]+)?)\1/g, (whole, quote, door) => {
    const target = manifest.exports[door.replace('mintring', '.')]
    if (!target) return whole
    const source = target.import.default.replace('./dist/esm/', 'src/').replace(/\.js$/, '.ts')
    return quote + pathToFileURL(join(root, source)).href + quote
  })
  let next = 0
  const given = new Map<string, EmbeddedServer>()
  const serverFor = (port: string): EmbeddedServer => {
    const server = given.get(port) ?? (servers[next++ % servers.length] as EmbeddedServer)
    given.set(port, server)
    return server
  }
  return doors
    .replace(/\b(?:127\.0\.0\.1|localhost):(112\d\d)\b/g, (_, port) => serverFor(port).address)
    .replace(/\bport: (112\d\d)\b/g, (_, port) => `port: ${serverFor(port).port}`)
}

async function runProgram(program: Program, code: string): Promise<void> {
  const path = join(folder, `${program.name.replace(/\W+/g, '-')}.mts`)
  writeFileSync(path, code)
  const args = [...TYPESCRIPT, '--unhandled-rejections=strict', path]
  const child = spawn(process.execPath, args, { cwd: root, timeout: TIME_LIMIT_MS })
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (bytes) => (said.stdout += bytes))
  child.stderr.on('data', (bytes) => (said.stderr += bytes))
  const [status, signal] = await once(child, 'close')
  assert.equal(status, 0, `${signal ?? ''} ${said.stdout}${said.stderr}`)
  if (program.prints !== undefined) assert.equal(said.stdout, program.prints)
}

describe('the code blocks in README and docs', { concurrency: 2 }, () => {
  const blocks = readPages().map(blocksOf)
  let servers: EmbeddedServer[]
  before(async () => {
    mkdirSync(folder, { recursive: true })
    servers = await Promise.all([1, 2, 3, 4].map(() => startServer({ port: 0 })))
  })
  after(async () => {
    rmSync(folder, { recursive: true, force: true })
    await Promise.all(servers.map((server) => server.close()))
  })

  test('are found: there are blocks to run', () => {
    assert.ok(blocks.flatMap(programsOf).length > 0)
  })

  for (const program of blocks.flatMap(programsOf)) {
    test(`${program.name} runs as printed`, () =>
      runProgram(program, runnable(program.code, servers)))
  }

  for (const block of blocks.flat().filter((one) => one.words.includes('fragment'))) {
    test(`${block.page}:${block.line} is a fragment without syntax errors`, () => {
      const { diagnostics = [] } = ts.transpileModule(block.code, { reportDiagnostics: true })
      assert.deepEqual(
        diagnostics.map((one) => one.messageText),
        [],
      )
    })
  }

  test('use only npm scripts that exist', () => {
    const shells = blocks
      .flat()
      .filter((block) => ['sh', 'bash', 'console'].includes(block.language))
    for (const block of shells) {
      for (const [, script = ''] of block.code.matchAll(/npm run ([\w:-]+)/g)) {
        assert.ok(script in manifest.scripts, `${block.page}:${block.line} npm run ${script}`)
      }
    }
  })
})
