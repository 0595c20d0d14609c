import { isUtf8 } from 'node:buffer'
import { connect, type Socket } from 'node:net'
import { checkBounds, onAbort } from '../deadline.ts'
import { isMintringError, MintringError } from '../errors.ts'
import { isSince } from '../protocol/meta-versions.ts'
import type { Key } from '../ring/key.ts'
import { parseServer, type RingServer } from '../ring/server.ts'

const MAX_LINE_BYTES = 4096

/** A command to the server, and the first version whose reply has an end. */
interface Question {
  readonly line: string
  readonly command: string
  readonly name: string
  readonly unit: string
  readonly since: string
}

const DUMP: Question = {
  line: 'lru_crawler metadump all',
  command: 'lru_crawler metadump',
  name: 'key dump',
  unit: 'keys',
  since: '1.5.4',
}
const STATS: Question = {
  line: 'stats',
  command: 'stats',
  name: 'answer',
  unit: 'statistics',
  since: '1.0.0',
}

/** Options of a dump. */
export interface DumpOptions {
  /** How long the server may send nothing, in milliseconds. Default 5,000. */
  readonly idleMs?: number | undefined
  /** Aborts the dump, which then rejects with MINTRING_ABORTED. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Yields the keys of a live memcached as they arrive, with `lru_crawler metadump all` (memcached
 * 1.5.4 and later). The server reads through all its items, without blocking other commands.
 *
 * @throws MintringError MINTRING_CONNECTION if the server cannot be reached, sends nothing for
 * `idleMs`, or closes the connection early; the message says how many keys had arrived.
 * MINTRING_UNSUPPORTED if the server is older. MINTRING_REFUSED if it refuses to dump: it is busy
 * with another dump, or its crawler is off.
 */
export async function* metadumpKeys(
  server: RingServer,
  options: DumpOptions = {},
): AsyncGenerator<Key> {
  const { label } = parseServer(server)
  for await (const line of linesAnswering(server, DUMP, options)) {
    yield keyOf(line, label)
  }
}

/** Returns how many items a live memcached holds. Rejects like metadumpKeys(). */
export async function itemsOf(server: RingServer, options: DumpOptions = {}): Promise<number> {
  const { label } = parseServer(server)
  let items: number | undefined
  for await (const line of linesAnswering(server, STATS, options)) {
    const found = /^STAT curr_items (\d+)$/.exec(line)
    if (found !== null) items = Number(found[1])
  }
  if (items !== undefined) return items
  throw new MintringError('MINTRING_PROTOCOL', `${label} does not report how many items it holds`, {
    host: label,
    command: 'stats',
  })
}

/** Yields the lines of a reply, up to END. */
async function* linesAnswering(
  server: RingServer,
  question: Question,
  { idleMs = 5000, signal }: DumpOptions,
): AsyncGenerator<string> {
  const { host, port, path, label } = parseServer(server)
  const { line: asked, command, name, unit } = question
  const socket = path === undefined ? connect({ host, port }) : connect({ path })
  const stop = { reject: (error: MintringError): void => void socket.destroy(error) }
  const leave = signal === undefined ? undefined : onAbort(signal, stop)
  socket.setTimeout(idleMs, () => socket.destroy(new Error(`nothing received for ${idleMs} ms`)))
  let lines = 0
  const broken = (why: string, cause?: unknown): MintringError => {
    const text = `The ${name} of ${label} broke off after ${lines} ${unit}: ${why}`
    return new MintringError('MINTRING_CONNECTION', text, { host: label, command, cause })
  }
  try {
    checkBounds({ signal })
    let isAsked = false
    socket.write('version\r\n')
    for await (const line of linesOf(socket)) {
      if (!isAsked) {
        refuseOlder(question, line, label)
        isAsked = true
        socket.write(`${asked}\r\n`)
        continue
      }
      if (line === 'END') return
      // memcached 1.6.43 and later begin a dump with this line.
      if (lines === 0 && line === 'OK') continue
      yield line
      lines++
    }
  } catch (cause) {
    if (isMintringError(cause)) throw cause
    throw broken((cause as Error).message, cause)
  } finally {
    leave?.()
    socket.destroy()
  }
  throw broken('the connection was closed before END')
}

/**
 * Refuses older versions: their list of keys has no END, so the client would wait until its
 * timeout.
 */
function refuseOlder({ command, since }: Question, said: string, host: string): void {
  const version = /^VERSION (\d+\.\d+\.\d+)/.exec(said)?.[1]
  if (version === undefined || isSince(version, since)) return
  const text = `${host} is memcached ${version}, whose ${command} has no end before ${since}`
  throw new MintringError('MINTRING_UNSUPPORTED', text, { host, command, sent: false })
}

async function* linesOf(socket: Socket): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE_BYTES) throw new Error('a line is longer than any metadump line')
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line
  }
}

/**
 * Parses a line of the dump. memcached encodes keys like URIs: `key=a%20b exp=-1 la=… cas=…
 * fetch=no cls=1 size=64`.
 */
function keyOf(line: string, label: string): Key {
  const match = /^key=(\S+) /.exec(line)
  if (match === null) {
    const said = line.slice(0, 100)
    throw new MintringError('MINTRING_REFUSED', `${label} refused to dump its keys: ${said}`, {
      host: label,
      command: 'lru_crawler metadump',
    })
  }
  const bytes = Buffer.from(
    match[1]!.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => {
      return String.fromCharCode(Number.parseInt(hex, 16))
    }),
    'latin1',
  )
  return isUtf8(bytes) ? bytes.toString('utf8') : new Uint8Array(bytes)
}
