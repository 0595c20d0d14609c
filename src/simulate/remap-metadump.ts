import { isUtf8 } from 'node:buffer'
import { connect, type Socket } from 'node:net'
import { checkBounds, onAbort } from '../deadline.ts'
import { isMintringError, MintringError } from '../errors.ts'
import { isSince } from '../protocol/meta-versions.ts'
import type { Key } from '../ring/key.ts'
import { parseServer, type RingServer } from '../ring/server.ts'

const MAX_LINE_BYTES = 4096

/** What a server is asked, and since when it answers to an end. */
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

/** How a server is asked. */
export interface DumpOptions {
  /** How long the server may be silent; 5,000 by default. */
  readonly idleMs?: number | undefined
  /** Ends the dump: it rejects with MINTRING_ABORTED. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The keys a live memcached holds, by `lru_crawler metadump all` (memcached 1.5.4 and later), as
 * they stream in. Costs the server a walk through its items, without blocking it.
 *
 * @throws MintringError MINTRING_CONNECTION when the server cannot be reached, stays silent for
 * `idleMs` (5,000 by default) or ends before it is done, saying how many keys had come;
 * MINTRING_UNSUPPORTED when it is older; MINTRING_REFUSED when it will not dump (busy with another
 * dump, crawler off).
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

/** How many items a live memcached holds. Rejects as metadumpKeys() does. */
export async function itemsOf(server: RingServer, options: DumpOptions = {}): Promise<number> {
  const { label } = parseServer(server)
  let items: number | undefined
  for await (const line of linesAnswering(server, STATS, options)) {
    const found = /^STAT curr_items (\d+)$/.exec(line)
    if (found !== null) items = Number(found[1])
  }
  if (items !== undefined) return items
  throw new MintringError('MINTRING_PROTOCOL', `${label} does not tell how many items it holds`, {
    host: label,
    command: 'stats',
  })
}

/** The lines of an answer, up to END. */
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
  socket.setTimeout(idleMs, () => socket.destroy(new Error(`silent for ${idleMs} ms`)))
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
      // From memcached 1.6.43 on a dump begins with this line.
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
  throw broken('it ended before END')
}

/** Before, the list of keys has no end: the asker would wait until its patience is over. */
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

/** memcached writes keys URI-encoded: `key=a%20b exp=-1 la=… cas=… fetch=no cls=1 size=64`. */
function keyOf(line: string, label: string): Key {
  const match = /^key=(\S+) /.exec(line)
  if (match === null) {
    const said = line.slice(0, 100)
    throw new MintringError('MINTRING_REFUSED', `${label} will not dump its keys: ${said}`, {
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
