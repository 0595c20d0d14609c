import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { playHotKey } from '../../src/cli/demo/hot-key.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { TYPESCRIPT } from '../support/typescript.ts'
import { run } from './support.ts'

describe('Ctrl-C', () => {
  it('ends a hanging verb within 20 seconds, with exit code 130', { timeout: 20_000 }, async () => {
    const controller = new AbortController()
    const stdin: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
    }
    const ending = run(['set', 'k', '-'], { signal: controller.signal, stdin })
    controller.abort()
    // Keeps the test process alive: the timer that ends a hanging verb is unreferenced.
    const awake = setInterval(() => {}, 1000)
    const { code, err } = await ending
    clearInterval(awake)
    assert.equal(code, 130)
    assert.equal(err, 'mintring set: interrupted\n')
  })

  it('ends remap with 130, and prints how far it came', async () => {
    const controller = new AbortController()
    const err = (text: string): void => {
      if (!/ [1-9]\d? %/.test(text)) return
      controller.abort()
    }
    const line = ['remap', '--servers', '10', '--remove', '1', '--keys', '100000000']
    let told = ''
    const said = await run(line, {
      signal: controller.signal,
      isTTY: true,
      err: (text) => {
        told = text
        err(text)
      },
    })
    assert.equal(said.code, 130)
    assert.match(told, /^mintring remap: interrupted: The count was stopped after \d+ keys\. Its/)
  })

  it('ends warm with 130, and prints how far it came and how to continue', async () => {
    const server = await startServer({ port: 0 })
    const controller = new AbortController()
    const folder = mkdtempSync(join(tmpdir(), 'mintring-'))
    const loader = join(folder, 'loader.mjs')
    writeFileSync(loader, "export const load = (key) => key; export const keys = ['a', 'b', 'c']\n")
    const line = ['warm', '--loader', loader, '--rate', '1', '-c', '1', '-s', server.address]
    const ending = run(line, { signal: controller.signal })
    const cache = new MemcachedClient(server.address)
    while ((await cache.get('a')) === undefined) await sleep(5)
    await cache.close()
    controller.abort()
    const { code, err } = await ending
    assert.equal(code, 130)
    assert.match(err, /first 1 keys are done \(1 stored.*Without --resume-from LOG the next/)
    rmSync(folder, { recursive: true })
    await server.close()
  })

  it('ends warm --from with 130 before and while values move, and prints how to continue', async () => {
    const controller = new AbortController()
    const line = ['warm', '--from', '127.0.0.1:1', '-s', '127.0.0.1:1,127.0.0.1:2']
    const ending = run(line, { signal: controller.signal })
    await sleep(50)
    controller.abort()
    const { code, err } = await ending
    assert.equal(code, 130)
    assert.match(err, /^mintring warm: interrupted before values may move\. Run it again/)
  })

  it('ends the demo at once, and leaves nothing running', async () => {
    const controller = new AbortController()
    const out = (text: string | Uint8Array): void => {
      if (/keys written/.test(String(text))) controller.abort()
    }
    const { code, err } = await run(['demo'], { signal: controller.signal, out })
    assert.deepEqual([code, err], [130, 'mintring demo: interrupted\n'])
    await untilIdle()
    const ending = new AbortController()
    const page = playHotKey(() => ending.abort(), ending.signal)
    await assert.rejects(page, { code: 'MINTRING_ABORTED' })
    await untilIdle()
  })

  it('ends top with 0 when no server replies', async () => {
    const signal = AbortSignal.timeout(50)
    const { code, out } = await run(['top', '-s', '127.0.0.1:1'], { signal })
    assert.equal(code, 0)
    assert.match(out, /127\.0\.0\.1:1 +down/)
  })

  it('is not needed when a loader never settles: warm exits with 1 and a reason', () => {
    const folder = mkdtempSync(join(tmpdir(), 'mintring-'))
    const loader = join(folder, 'loader.mjs')
    writeFileSync(loader, 'export const load = () => new Promise(() => {})\n')
    const line = ['src/cli/main.ts', 'warm', '--loader', loader, '-s', '127.0.0.1:1']
    const options = { input: 'a\n', encoding: 'utf8', timeout: 30_000 } as const
    const ended = spawnSync(process.execPath, [...TYPESCRIPT, ...line], options)
    rmSync(folder, { recursive: true })
    assert.equal(ended.status, 1)
    assert.match(ended.stderr, /waits for a promise that never settles/)
  })

  for (const [exported, code] of [
    ['load = (key) => key', 0],
    ['none = 1', 2],
  ] as const) {
    it(`is not needed when a loader holds a handle: warm exits with ${code}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'mintring-'))
      const loader = join(folder, 'loader.mjs')
      writeFileSync(loader, `setInterval(() => {}, 1000)\nexport const ${exported}\n`)
      const server = await startServer()
      const args = [...TYPESCRIPT, 'src/cli/main.ts', 'warm', '--loader', loader]
      const child = spawn(process.execPath, [...args, '-s', server.address], { timeout: 30_000 })
      child.stdin.end('a\nb\n')
      let out = ''
      child.stdout.on('data', (text) => {
        out += text
      })
      const [ended] = await once(child, 'close')
      await server.close()
      rmSync(folder, { recursive: true })
      assert.equal(ended, code)
      assert.equal(/2 keys: 2 stored/.test(out), code === 0)
    })
  }

  const isWindows = process.platform === 'win32'
  for (const [verb, option] of [
    ['remap', '--keys-from'],
    ['warm', '--keys'],
  ] as const) {
    const skip = isWindows && 'has no named pipes'
    it(`ends ${verb} while a named pipe has no writer`, { skip }, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'mintring-'))
      const pipe = join(folder, 'keys')
      const loader = join(folder, 'loader.mjs')
      assert.equal(spawnSync('mkfifo', [pipe]).status, 0)
      writeFileSync(loader, 'export const load = (key) => key\n')
      const own = verb === 'warm' ? ['--loader', loader] : ['--servers', '3', '--remove', '1']
      const args = [...TYPESCRIPT, 'src/cli/main.ts', verb, ...own, option, pipe]
      const child = spawn(process.execPath, args, { stdio: 'ignore' })
      await untilOpened(child.pid!, pipe)
      const exited = once(child, 'exit')
      child.kill('SIGINT')
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
      const [code] = await exited
      clearTimeout(late)
      rmSync(folder, { recursive: true })
      assert.equal(code, 130)
    })
  }
})

/** Waits until this process listens no more. */
async function untilIdle(): Promise<void> {
  const isListening = (): boolean => process.getActiveResourcesInfo().includes('TCPServerWrap')
  while (isListening()) await sleep(5)
}

/** Waits until a process has opened a file, by /proc on Linux; elsewhere waits four seconds. */
async function untilOpened(pid: number, path: string): Promise<void> {
  if (process.platform !== 'linux') return sleep(4000)
  const folder = `/proc/${pid}/fd`
  const isOpen = (fd: string): boolean => {
    try {
      return readlinkSync(join(folder, fd)) === path
    } catch {
      return false // It was closed in the meantime.
    }
  }
  while (!readdirSync(folder).some(isOpen)) await sleep(20)
}
