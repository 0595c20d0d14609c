import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from './support.ts'

describe('Ctrl-C', () => {
  it('ends a verb that hangs soon, with 130', { timeout: 20_000 }, async () => {
    const controller = new AbortController()
    const stdin: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
    }
    const ending = run(['set', 'k', '-'], { signal: controller.signal, stdin })
    controller.abort()
    // The grace holds no process, so something of the test's must.
    const awake = setInterval(() => {}, 1000)
    const { code, err } = await ending
    clearInterval(awake)
    assert.equal(code, 130)
    assert.equal(err, 'mintring set: interrupted\n')
  })

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
      const args = ['--import', 'tsx', 'src/cli/main.ts', verb, ...own, option, pipe]
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

/** Until a process has opened a file, as Linux tells; elsewhere as long as that takes. */
async function untilOpened(pid: number, path: string): Promise<void> {
  if (process.platform !== 'linux') return sleep(4000)
  const folder = `/proc/${pid}/fd`
  const isOpen = (fd: string): boolean => {
    try {
      return readlinkSync(join(folder, fd)) === path
    } catch {
      return false // It was closed meanwhile.
    }
  }
  while (!readdirSync(folder).some(isOpen)) await sleep(20)
}
