import { runCommandLine } from '../../src/cli/command-line.ts'
import type { CliIo } from '../../src/cli/io.ts'

/** The output of a command line, and its exit code. */
export interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs a command line in memory. */
export function run(line: readonly string[], world?: Partial<CliIo>): Promise<Said> {
  return said((io) => runCommandLine(line, io), world)
}

/** The output of a command run with in-memory input and output. */
export async function said(
  command: (io: CliIo) => Promise<number>,
  world: Partial<CliIo> = {},
): Promise<Said> {
  let out = ''
  let err = ''
  const io: CliIo = {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    isTTY: false,
    columns: 80,
    env: {},
    ...world,
  }
  const code = await command(io)
  return { code, out, err }
}
