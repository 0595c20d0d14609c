import { execFile } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { TYPESCRIPT } from '../support/typescript.ts'

const program = fileURLToPath(new URL('./orders.ts', import.meta.url))

/**
 * Resolves to the number of states that a model has, with a planted mistake; rejects if it finds an
 * old value. In a separate process: the test runner tracks every promise, and this makes millions.
 */
export async function states(mistake: string): Promise<number> {
  const args = [...TYPESCRIPT, '--unhandled-rejections=strict', program, mistake]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return Number(stdout)
}
