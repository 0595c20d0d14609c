/**
 * The world as a command sees it. Commands never touch `process`, so that a test can run them in
 * memory and read what they said.
 */
export interface CliIo {
  /**
   * Writes to standard output as it is: the caller ends its lines, and escapes what is not its own.
   */
  out(text: string | Uint8Array): void
  /** Writes to standard error as it is: complaints and progress, never the answer. */
  err(text: string): void
  /** Whether standard output is a terminal. */
  readonly isTTY: boolean
  /** Width of the terminal; 80 when there is none. */
  readonly columns: number
  readonly env: Readonly<Record<string, string | undefined>>
  /** Height of the terminal; 24 when there is none. */
  readonly rows?: number
  /** Standard input, for the commands that can read keys from it. */
  readonly stdin?: AsyncIterable<Uint8Array>
  /** Calls back for every key pressed, without waiting for Enter; answers how to stop listening. */
  readonly onKey?: (listener: (key: string) => void) => () => void
  /** Fires on SIGINT or SIGTERM: a command that runs until told otherwise ends cleanly then. */
  readonly signal?: AbortSignal
}

/** A verb of the command line: answers one of the exit codes. */
export type CliCommand = (argv: string[], io: CliIo) => Promise<number>

/** Exit codes a script can rely on; docs/cli.md has the table. */
export const exitCodes = {
  ok: 0,
  /** A server does not answer, a key has no value, a file cannot be read. */
  failed: 1,
  /** The command line cannot be. */
  usage: 2,
  /** `remap --fail-above`: more keys move. */
  above: 3,
  /** Ctrl-C or SIGTERM, as shells number it. */
  interrupted: 130,
} as const

/** What the command line got wrong: main prints it with a hint at --help and exits 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}
