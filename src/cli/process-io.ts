import type { CliIo } from './io.ts'

/** Returns the CliIo of a real process. */
export function processIo(host: NodeJS.Process): {
  readonly io: CliIo & { readonly signal: AbortSignal }
  close(): void
} {
  const ending = new AbortController()
  const end = (): void => {
    // A second signal ends a command that ignored the first.
    if (ending.signal.aborted) host.exit(130)
    ending.abort()
  }
  host.on('SIGINT', end)
  host.on('SIGTERM', end)
  // The reader of the output may close it early, as `head` does.
  host.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    host.exit(host.exitCode ?? 0)
  })
  const io = {
    out: (text: string | Uint8Array) => void host.stdout.write(text),
    err: (text: string) => void host.stderr.write(text),
    isTTY: host.stdout.isTTY === true,
    // Getters, because a terminal may change its size while `top` runs.
    get columns() {
      return host.stdout.columns ?? 80
    },
    get rows() {
      return host.stdout.rows ?? 24
    },
    env: host.env,
    get stdin() {
      return host.stdin
    },
    onKey: (listener: (key: string) => void) => onKey(host.stdin, listener),
    signal: ending.signal,
  }
  const close = (): void => {
    host.off('SIGINT', end)
    host.off('SIGTERM', end)
  }
  return { io, close }
}

/** Calls the listener for each key if standard input is a terminal; otherwise never. */
function onKey(stdin: NodeJS.Process['stdin'], listener: (key: string) => void): () => void {
  if (stdin.isTTY !== true) return () => {}
  const read = (bytes: Buffer): void => listener(bytes.toString('latin1'))
  stdin.setRawMode(true)
  stdin.on('data', read)
  return () => {
    stdin.off('data', read)
    stdin.setRawMode(false)
    stdin.pause()
  }
}
