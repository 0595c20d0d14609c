import { isUtf8 } from 'node:buffer'
import { connect, type Socket } from 'node:net'
import { MintringError } from '../errors.ts'
import type { Key } from '../ring/key.ts'
import { parseServer, type RingServer } from '../ring/server.ts'

const MAX_LINE_BYTES = 4096

/**
 * The keys a live memcached holds, by `lru_crawler metadump all` (memcached 1.5 and later), as they
 * stream in. Costs the server a walk through its items, without blocking it.
 *
 * @throws MintringError MINTRING_CONNECTION when the server cannot be reached, stays silent for
 * `idleMs` (5,000 by default) or ends before it is done, saying how many keys had come;
 * MINTRING_REFUSED when it will not dump (busy with another dump, crawler off, too old).
 */
export async function* metadumpKeys(
  server: RingServer,
  { idleMs = 5000 }: { readonly idleMs?: number | undefined } = {},
): AsyncGenerator<Key> {
  const { host, port, path, label } = parseServer(server)
  const socket = path === undefined ? connect({ host, port }) : connect({ path })
  socket.setTimeout(idleMs, () => socket.destroy(new Error(`silent for ${idleMs} ms`)))
  let keys = 0
  try {
    socket.write('lru_crawler metadump all\r\n')
    for await (const line of linesOf(socket)) {
      if (line === 'END') return
      const key = keyOf(line, label)
      keys++
      yield key
    }
  } catch (cause) {
    if (cause instanceof MintringError) throw cause
    throw broken(label, keys, (cause as Error).message, cause)
  } finally {
    socket.destroy()
  }
  throw broken(label, keys, 'it ended before END')
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

function broken(label: string, keys: number, why: string, cause?: unknown): MintringError {
  const text = `The key dump of ${label} broke off after ${keys} keys: ${why}`
  return new MintringError('MINTRING_CONNECTION', text, {
    host: label,
    command: 'lru_crawler metadump',
    cause,
  })
}
