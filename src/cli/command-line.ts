import { createRequire } from 'node:module'
import { isMintringError, messageOf, systemCodeOf } from '../errors.ts'
import { didYouMean } from '../ring/suggest.ts'
import { setTimeout } from '../runtime.ts'
import { escaped, nameShown } from '../secrets.ts'
import { type CliIo, exitCodeOf, exitCodes, UsageError } from './io.ts'
import { type CliVerb, verbs } from './verbs.ts'

/** How long a verb has after Ctrl-C to report its progress. A warm-up needs up to 400 ms. */
const GRACE_MS = 450

const MAX_COMPLAINT = 2_000

/**
 * Runs a command line. Returns the verb's exit code, 2 for an invalid command line, 1 for a
 * failure.
 */
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
    const { run } = await verb.load()
    return await untilInterrupted(run(rest, io), io.signal)
  } catch (error) {
    return complain(name, error, io)
  }
}

/** Reads the version from package.json, by the package's name: the bundler may move this file. */
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

function verbNamed(name: string): CliVerb {
  const verb = verbs.find((candidate) => candidate.name === name)
  if (verb !== undefined) return verb
  const names = verbs.map((candidate) => candidate.name)
  throw new UsageError(`there is no command '${nameShown(name)}'.${didYouMean(name, names)}`)
}

/**
 * Returns the verb's exit code. Rejects if the verb does not end soon after Ctrl-C; main then ends
 * the process.
 */
async function untilInterrupted(
  code: Promise<number>,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (signal === undefined) return code
  let onAbort = (): void => {}
  const grace = new Promise<never>((_, reject) => {
    onAbort = () => void setTimeout(reject, GRACE_MS, signal.reason).unref()
  })
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([code, grace])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function complain(name: string, error: unknown, io: CliIo): number {
  const say = (text: string): void => io.err(`mintring ${name}: ${escaped(text, MAX_COMPLAINT)}\n`)
  if (error instanceof UsageError) {
    const verb = verbs.some((candidate) => candidate.name === name) ? ` ${name}` : ''
    io.err(`mintring: ${escaped(error.message, MAX_COMPLAINT)}\nTry: mintring${verb} --help\n`)
    return exitCodes.usage
  }
  if (io.signal?.aborted === true) {
    // Shows how far a count or a warm-up came, but not the plain message of an AbortError.
    const reached = isMintringError(error) && !error.message.startsWith('The operation was')
    say(reached ? `interrupted: ${error.message}` : 'interrupted')
    return exitCodes.interrupted
  }
  if (isMintringError(error)) {
    say(`${error.message} (${error.code})`)
    return exitCodeOf(error)
  }
  // Errors of the system, such as a missing path or a full disk: their own message is enough.
  const isSystem = systemCodeOf(error) !== undefined && 'syscall' in (error as object)
  if (!isSystem) throw error
  say(messageOf(error))
  return exitCodes.failed
}

function overview(): string {
  const width = Math.max(...verbs.map((verb) => verb.name.length))
  const lines = verbs.map((verb) => `  ${verb.name.padEnd(width)}  ${verb.summary}`)
  return `Usage: mintring COMMAND [options]

${lines.join('\n')}

  mintring COMMAND --help describes a command. All commands that print a result accept --json.
  Exit codes: 0 success, 1 failure, 2 invalid command line, 130 interrupted.

  mintring demo                                     what it is for, in 20 seconds
  mintring locate user:1 --servers a,b,c            which server a key is on, and why
  mintring remap --servers 10 --remove 1            what losing a host costs
`
}
