import { createRequire } from 'node:module'
import { isMintringError } from '../errors.ts'
import { didYouMean } from '../ring/suggest.ts'
import { type CliIo, exitCodes, UsageError } from './io.ts'
import { type Verb, verbs } from './verbs.ts'

/** Runs a command line: the verb's exit code, 2 for a line that cannot be, 1 for a failure. */
export async function runCommandLine(argv: readonly string[], io: CliIo): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined || name === '--help' || name === '-h') {
    io.out(overview())
    return name === undefined ? exitCodes.usage : exitCodes.ok
  }
  if (name === '--version' || name === '-v') {
    io.out(`${version()}\n`)
    return exitCodes.ok
  }
  if (name === 'help') return help(rest[0], io)
  try {
    const verb = verbNamed(name)
    if (rest.includes('--help') || rest.includes('-h')) return await help(name, io)
    return await (await verb.load()).run(rest, io)
  } catch (error) {
    return complain(name, error, io)
  }
}

/** The package finds its own manifest by its name, wherever this file was built to. */
function version(): string {
  return createRequire(import.meta.url)('mintring/package.json').version
}

async function help(name: string | undefined, io: CliIo): Promise<number> {
  try {
    io.out(name === undefined ? overview() : (await verbNamed(name).load()).help)
    return exitCodes.ok
  } catch (error) {
    return complain('help', error, io)
  }
}

function verbNamed(name: string): Verb {
  const verb = verbs.find((candidate) => candidate.name === name)
  if (verb !== undefined) return verb
  const names = verbs.map((candidate) => candidate.name)
  throw new UsageError(`there is no command '${name}'.${didYouMean(name, names)}`)
}

function complain(name: string, error: unknown, io: CliIo): number {
  if (error instanceof UsageError) {
    const verb = verbs.some((candidate) => candidate.name === name) ? ` ${name}` : ''
    io.err(`mintring: ${error.message}\nTry: mintring${verb} --help\n`)
    return exitCodes.usage
  }
  if (!isMintringError(error)) throw error
  io.err(`mintring ${name}: ${error.message} (${error.code})\n`)
  return exitCodes.failed
}

function overview(): string {
  const width = Math.max(...verbs.map((verb) => verb.name.length))
  const lines = verbs.map((verb) => `  ${verb.name.padEnd(width)}  ${verb.summary}`)
  return `Usage: mintring COMMAND [options]

${lines.join('\n')}

  mintring COMMAND --help tells more. Every command that answers something takes --json.
  Exit codes: 0 well, 1 something failed, 2 the command line cannot be.

  mintring demo                                     what it is for, in 20 seconds
  mintring locate user:1 --servers a,b,c            where a key lives, and why
  mintring remap --servers 10 --remove 1            what losing a host costs
`
}
