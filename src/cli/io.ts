import type { ErrorCode, MintringError } from '../errors.ts'

/**
 * A command's input and output. Commands never use `process` directly, so that tests can run them
 * in memory and read their output.
 */
export interface CliIo {
  /**
   * Writes text to standard output unchanged. The caller ends lines, and escapes text from servers.
   */
  out(text: string | Uint8Array): void
  /** Writes to standard error unchanged: errors and progress, never results. */
  err(text: string): void
  /** Whether standard output is a terminal. */
  readonly isTTY: boolean
  /** The width of the terminal; 80 without a terminal. */
  readonly columns: number
  readonly env: Readonly<Record<string, string | undefined>>
  /** The height of the terminal; 24 without a terminal. */
  readonly rows?: number
  /** Standard input, for commands that read keys from it. */
  readonly stdin?: AsyncIterable<Uint8Array>
  /**
   * Calls the listener for every key that is pressed, without waiting for Enter. Returns a function
   * that removes the listener.
   */
  readonly onKey?: (listener: (key: string) => void) => () => void
  /** Fires on SIGINT or SIGTERM: a command that runs until then ends cleanly. */
  readonly signal?: AbortSignal
}

/** A verb of the command line. Resolves with one of the exit codes. */
export type CliCommand = (argv: string[], io: CliIo) => Promise<number>

/** The exit codes, which scripts can rely on; docs/cli.md has the table. */
export const exitCodes = {
  ok: 0,
  /** A server does not reply, a key has no value, or a file cannot be read. */
  failed: 1,
  /** The command line is invalid, or a server, behavior or duration in it. */
  usage: 2,
  /** `remap --fail-above`: more keys move than allowed. */
  above: 3,
  /** Ended by Ctrl-C or SIGTERM; the number is the usual one of shells. */
  interrupted: 130,
} as const

/** Errors about what the command line says: its servers, behaviors, durations and numbers. */
const USAGE_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MINTRING_BAD_ARGUMENT',
  'MINTRING_BAD_BEHAVIOR',
  'MINTRING_BAD_POLICY',
  'MINTRING_BAD_SERVER',
  'MINTRING_BAD_TTL',
  'MINTRING_DUPLICATE_SERVER',
  'MINTRING_NO_SERVERS',
])

/** Returns the exit code of a command that ended with this error. */
export function exitCodeOf({ code }: MintringError): number {
  return USAGE_CODES.has(code) ? exitCodes.usage : exitCodes.failed
}

/** An invalid command line: main prints the message with a hint at --help, and exits with 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}
