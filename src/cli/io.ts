/**
 * The world as a command sees it. Commands never touch `process`, so that a test can run them in
 * memory and read what they said.
 */
export interface CliIo {
  /** Writes to standard output as it is: the caller ends its lines. */
  out(text: string): void
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

/** A verb of the command line: answers the exit code (0 well, 1 failed, 2 wrongly called). */
export type Command = (argv: string[], io: CliIo) => Promise<number>

/** Exit codes a script can rely on. */
export const exitCodes: { readonly ok: 0; readonly failed: 1; readonly usage: 2 } = {
  ok: 0,
  failed: 1,
  usage: 2,
}

/** What the command line got wrong: main prints it with a hint at --help and exits 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}
