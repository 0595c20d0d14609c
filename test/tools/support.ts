import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'

export { installInto, newFolder, pack } from '../packaging/pack.ts'

/**
 * Runs Node, or another program, in a folder and returns its output. Asynchronous, because the
 * server of the test runs in this process and must reply meanwhile.
 */
export function runAsync(
  cwd: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  program: string = process.execPath,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env } })
    let out = ''
    let err = ''
    child.stdout.on('data', (text) => {
      out += text
    })
    child.stderr.on('data', (text) => {
      err += text
    })
    child.on('close', (code) => {
      if (code === 0) resolve(out)
      else reject(new Error(`${program} ${args.join(' ')} exited with ${code}\n${out}${err}`))
    })
  })
}

/**
 * Runs a program of a folder until it exits, or says `word`: then ends it. Returns what it said on
 * both streams.
 */
export async function saidUntil(
  cwd: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  word: string,
): Promise<string> {
  const child = spawn(process.execPath, args, { cwd, env: { ...process.env, ...env } })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      said += text
      if (said.includes(word)) child.kill('SIGKILL')
    })
  }
  await once(child, 'close')
  return said
}
