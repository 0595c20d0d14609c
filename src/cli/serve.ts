import { once } from 'node:events'
import { startServer } from '../embedded/server.ts'
import { isMintringError } from '../errors.ts'
import { escaped } from '../secrets.ts'
import { type CliIo, exitCodes, UsageError } from './io.ts'
import { parseCommand } from './target.ts'

const USAGE = 'mintring serve --port P [--host H] [--memory MB] [--max-item-bytes B]'
const MEBIBYTE = 1024 * 1024
const LARGEST_PORT = 65_535

/** What `mintring serve --help` prints. */
export const serveHelp: string = `Usage: ${USAGE}

Runs an in-process memcached (text and meta commands) until SIGTERM or SIGINT.

  --port P            TCP port; 0 means any free port (default 11211)
  --host H            address to listen on (default 127.0.0.1)
  --memory MB         memory for items in MiB; the least recently used are evicted (default 64)
  --max-item-bytes B  largest item, key and header included (default 1048576)
`

/**
 * Runs `mintring serve`: prints its address in one line once it listens, serves until `io.signal`
 * fires, then closes all connections. Returns 1 if it cannot listen.
 */
export async function serveCommand(argv: string[], io: CliIo): Promise<number> {
  const options = readOptions(argv)
  if (options === undefined) {
    io.out(serveHelp)
    return exitCodes.ok
  }
  try {
    await using server = await startServer(options)
    io.out(`mintring serve: listening on ${server.address}\n`)
    if (io.signal === undefined) await new Promise<never>(() => {})
    else if (!io.signal.aborted) await once(io.signal, 'abort')
    return exitCodes.ok
  } catch (error) {
    if (!isMintringError(error)) throw error
    io.err(`mintring serve: ${error.message}${causeOf(error)}\n`)
    return exitCodes.failed
  }
}

interface ServeOptions {
  readonly host: string
  readonly port: number
  readonly maxBytes: number
  readonly maxItemBytes: number
}

function readOptions(argv: string[]): ServeOptions | undefined {
  const values = parse(argv)
  if (values.help === true) return undefined
  return {
    host: values.host ?? '127.0.0.1',
    port: integer('--port', values.port ?? '11211', 0, LARGEST_PORT),
    maxBytes: integer('--memory', values.memory ?? '64', 1, MEBIBYTE) * MEBIBYTE,
    maxItemBytes: integer(
      '--max-item-bytes',
      values['max-item-bytes'] ?? String(MEBIBYTE),
      1024,
      1024 * MEBIBYTE,
    ),
  }
}

function parse(argv: string[]) {
  const { values, positionals } = parseCommand(argv, {
    help: { type: 'boolean', short: 'h' },
    host: { type: 'string' },
    port: { type: 'string' },
    memory: { type: 'string' },
    'max-item-bytes': { type: 'string' },
  })
  if (positionals.length === 0) return values
  throw new UsageError(`serve takes no '${escaped(positionals[0] ?? '')}': write ${USAGE}`)
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new UsageError(`${name} must be an integer from ${min} to ${max}, not '${text}'`)
}

function causeOf(error: Error): string {
  return error.cause instanceof Error ? ` (${error.cause.message})` : ''
}
