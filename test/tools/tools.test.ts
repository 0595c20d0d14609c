import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type EmbeddedServer, startServer } from '../../src/embedded/index.ts'
import { root } from '../house/sources.ts'
import { installInto, newFolder, pack, runAsync, saidUntil } from './support.ts'
import { startWorker } from './worker.ts'

const modules = join(root, 'test/tools/node_modules')

/** A user's program: it stores, reads, refills, and prints the results. */
const app = (address: string): string => `
import { MemcachedClient } from 'mintring'
const cache = new MemcachedClient('${address}')
await cache.set('bundle', { name: 'Ada' }, { ttl: 60 })
const { name } = await cache.get('bundle')
const one = await cache.getOrSet('bundle:refill', async () => 1, { ttl: 60 })
await cache.close()
console.log(name, one)
`

describe('mintring in test runners and bundlers', { concurrency: false }, () => {
  const folder = newFolder()
  let server: EmbeddedServer
  before(async () => {
    server = await startServer()
    installInto(folder.path, pack(folder.path).tarball)
    for (const name of ['jest', 'jest-exit', 'vitest', 'runner', 'runtimes']) {
      cpSync(join(root, 'test/tools/projects', name), join(folder.path, name), { recursive: true })
    }
    mkdirSync(join(folder.path, 'out'))
  })
  after(async () => {
    folder.remove()
    await server.close()
  })

  const tool = (path: string, ...args: string[]): Promise<string> =>
    runAsync(folder.path, [join(modules, path), ...args], {
      MEMCACHED: server.address,
      NODE_PATH: modules,
    })
  const program = (): string => {
    writeFileSync(join(folder.path, 'app.mjs'), app(server.address))
    return 'app.mjs'
  }
  /** Runs a bundle where no package can be found: it must contain everything it needs. */
  const alone = async (file: string): Promise<void> => {
    const apart = newFolder()
    try {
      cpSync(join(folder.path, 'out'), apart.path, { recursive: true })
      assert.equal(await runAsync(apart.path, [file], {}), 'Ada 1\n')
    } finally {
      apart.remove()
    }
  }

  it('works under Jest with fake timers, modern and global, in the node and jsdom environments', async () => {
    symlinkSync(modules, join(folder.path, 'jest/node_modules'))
    await tool('jest/bin/jest.js', '--rootDir', 'jest', '--colors=false')
  })

  for (const [way, does] of [
    ['closed', 'lets Jest exit when the client is closed'],
    ['unref', 'lets Jest exit when the client is not closed but has `unref`'],
    ['open', 'keeps Jest from exiting when the client is not closed'],
  ] as const) {
    it(does, async () => {
      const warning = 'Jest did not exit one second after the test run'
      const args = [join(modules, 'jest/bin/jest.js'), '--rootDir', 'jest-exit', '--runInBand']
      const env = { MEMCACHED: server.address, NODE_PATH: modules, CLIENT: way }
      const said = await saidUntil(folder.path, args, env, warning)
      assert.match(said, /1 passed/)
      assert.equal(said.includes(warning), way === 'open', said)
    })
  }

  it('works under Vitest with fake timers', async () => {
    symlinkSync(modules, join(folder.path, 'vitest/node_modules'))
    await tool('vitest/vitest.mjs', 'run', '--root', 'vitest', '--no-color')
  })

  it('works under node:test with mock timers', async () => {
    await runAsync(folder.path, ['--test', 'runner/timers.test.mjs'], { MEMCACHED: server.address })
  })

  for (const [format, file] of [
    ['esm', 'out/esbuild.mjs'],
    ['cjs', 'out/esbuild.cjs'],
  ] as const) {
    it(`works in a bundle of esbuild --format=${format}`, async () => {
      // CommonJS has no top-level await.
      const text = format === 'esm' ? app(server.address) : inFunction(app(server.address))
      writeFileSync(join(folder.path, 'esbuild-app.mjs'), text)
      writeFileSync(
        join(folder.path, 'esbuild.mjs'),
        `import { build } from '${modules}/esbuild/lib/main.js'
         await build({
           entryPoints: ['esbuild-app.mjs'], bundle: true, platform: 'node', format: '${format}',
           outfile: '${file}', logLevel: 'error',
         })`,
      )
      await runAsync(folder.path, ['esbuild.mjs'], {})
      await alone(file.replace('out/', ''))
    })
  }

  it('works in a bundle of Rollup', async () => {
    const config = `
      import resolve from '${modules}/@rollup/plugin-node-resolve/dist/es/index.js'
      import commonjs from '${modules}/@rollup/plugin-commonjs/dist/es/index.js'
      export default {
        input: '${program()}', external: /^node:/,
        plugins: [resolve({ exportConditions: ['node'] }), commonjs()],
        output: { dir: 'out/rollup', format: 'esm', entryFileNames: '[name].mjs' },
      }`
    writeFileSync(join(folder.path, 'rollup.config.mjs'), config)
    await tool('rollup/dist/bin/rollup', '-c', 'rollup.config.mjs', '--silent')
    await alone('rollup/app.mjs')
  })

  it('works in a bundle of webpack', async () => {
    writeFileSync(
      join(folder.path, 'webpack.mjs'),
      `import webpack from '${modules}/webpack/lib/index.js'
       webpack({
         mode: 'production', target: 'node20', entry: './${program()}', context: process.cwd(),
         experiments: { outputModule: true },
         output: { path: process.cwd() + '/out/webpack', filename: 'app.mjs', module: true },
       }, (error, stats) => {
         if (error ?? stats.hasErrors()) throw error ?? new Error(stats.toString())
       })`,
    )
    await runAsync(folder.path, ['webpack.mjs'], {})
    await alone('webpack/app.mjs')
  })

  for (const target of ['node', 'bun']) {
    it(`works in a bundle of Bun for ${target}`, async () => {
      const out = `out/bun/${target}.mjs`
      const build = ['build', program(), `--target=${target}`, `--outfile=${out}`]
      await runAsync(folder.path, build, {}, programOf('bun', '@oven'))
      if (target === 'node') return alone('bun/node.mjs')
      const said = await runAsync(
        join(folder.path, 'out/bun'),
        ['bun.mjs'],
        {},
        programOf('bun', '@oven'),
      )
      assert.equal(said, 'Ada 1\n')
    })
  }

  for (const [name, scope, args] of [
    ['bun', '@oven', []],
    ['deno', '@deno', ['run', '-A', '--no-lock', '--node-modules-dir=manual']],
  ] as const) {
    it(`works on ${name}`, async () => {
      const said = runAsync(folder.path, [...args, program()], {}, programOf(name, scope))
      assert.equal(await said, 'Ada 1\n')
    })

    it(`stores pages of web requests on ${name}; without the page cache each visit is rendered`, async () => {
      const own = await startServer()
      const env = { MEMCACHED: own.address }
      const page = [...args, 'runtimes/page.mjs']
      const said = await runAsync(folder.path, page, env, programOf(name, scope))
      await own.close()
      assert.equal(said, '<p>1 <p>2 <p>3 <p>4\n<p>1 <p>1 <p>1 <p>1\n')
    })
  }

  // Older dates give a Worker fewer modules of Node.
  for (const date of ['2024-09-23', '2026-11-01']) {
    it(`works in a Worker of Cloudflare with the compatibility date ${date}; without the page cache each visit is rendered`, async () => {
      const own = await startServer()
      const options = { folder: folder.path, date, memcached: own.address }
      const worker = await startWorker({ ...options, program: programOf('workerd', '@cloudflare') })
      try {
        assert.equal(await worker.ask('/verbs'), 'Ada 1 loaded')
        assert.equal(await worker.ask('/verbs'), 'Ada 2 loaded')
        assert.equal(await worker.ask('/rendered'), '<p>1')
        assert.equal(await worker.ask('/rendered'), '<p>2')
        await assertStored(() => worker.ask('/page'))
      } finally {
        await worker.end()
        await own.close()
      }
    })
  }

  it('works in a bundle of ncc', async () => {
    await tool('@vercel/ncc/dist/ncc/cli.js', 'build', program(), '-o', 'out/ncc', '-q')
    await alone('ncc/index.mjs')
  })
})

/** Fails unless two visitors get the same. A page is stored after its visitor has it. */
async function assertStored(visit: () => Promise<string>): Promise<void> {
  let shown = await visit()
  for (let visits = 0; visits < 50; visits++) {
    const next = await visit()
    if (next === shown) return
    shown = next
  }
  assert.fail('the page is never stored')
}

/** Returns the path of a runtime's program: npm packages put it in one of several places. */
function programOf(name: string, scope: string): string {
  const platforms = readdirSync(join(modules, scope)).map((one) => join(modules, scope, one))
  const places = [...platforms.flatMap((one) => [join(one, 'bin', name), join(one, name)])]
  const moved = [join(modules, name, 'bin', `${name}.exe`), join(modules, name, name)]
  const found = [...places, ...moved].find((path) => {
    return spawnSync(path, ['--version']).status === 0
  })
  return found ?? assert.fail(`${name} is not installed in test/tools`)
}

function inFunction(text: string): string {
  const lines = text.trim().split('\n')
  const imports = lines.filter((line) => line.startsWith('import '))
  const rest = lines.filter((line) => !line.startsWith('import '))
  return `${imports.join('\n')}\nasync function main() {\n${rest.join('\n')}\n}\nvoid main()\n`
}
