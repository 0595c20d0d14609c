import { once } from 'node:events'
import net from 'node:net'

/** What a scripted server does with one command line; data blocks are lines too. */
export type Script = (line: string, socket: net.Socket) => void

/** A server whose replies the test decides. */
export interface ScriptedServer {
  readonly port: number
  /** Connections accepted so far. */
  readonly accepted: number
  /** Every line received, of all connections. */
  readonly lines: readonly string[]
  readonly sockets: ReadonlySet<net.Socket>
  close(): Promise<void>
}

export interface ScriptedOptions {
  /** Whether the server replies to `version` and `mn` without the script. Default true. */
  readonly greets?: boolean
  /** The TCP port. Default: a free one. */
  readonly port?: number
  readonly onConnect?: (socket: net.Socket) => void
}

/** The commands by which a new client asks for a handover, and for changes that hosts missed. */
const ITEMS = /^(mg|gets) \xff~mintring~(handover~|owed~any)/

/** Starts a scripted server on 127.0.0.1. */
export async function startScripted(
  script: Script,
  { greets = true, port: wanted = 0, onConnect }: ScriptedOptions = {},
): Promise<ScriptedServer> {
  const sockets = new Set<net.Socket>()
  const lines: string[] = []
  let accepted = 0
  const server = net.createServer((socket) => {
    accepted++
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    onConnect?.(socket)
    let rest = ''
    socket.setDefaultEncoding('latin1')
    socket.setEncoding('latin1').on('data', (text) => {
      const parts = (rest + String(text)).split('\r\n')
      rest = parts.pop() ?? ''
      for (const line of parts) {
        lines.push(line)
        if (greets && line === 'version') socket.write('VERSION 1.6.18\r\n')
        else if (greets && line === 'mn') socket.write('MN\r\n')
        else if (greets && line === 'stats settings') socket.write('END\r\n')
        else if (ITEMS.test(line)) socket.write(line.startsWith('mg') ? 'EN\r\n' : 'END\r\n')
        else script(line, socket)
      }
    })
  })
  server.listen(wanted, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  return {
    port,
    lines,
    sockets,
    get accepted() {
      return accepted
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Replies to `get k1 … kn` with values that contain their key, and to delete with NOT_FOUND. */
export function answerGets(line: string, socket: net.Socket): void {
  if (line.startsWith('delete ')) socket.write('NOT_FOUND\r\n')
  if (!line.startsWith('get ')) return
  const hits = line
    .slice(4)
    .split(' ')
    .map((key) => valueReply(key))
  socket.write(`${hits.join('')}END\r\n`)
}

/** Returns a VALUE reply for a key, with a value that contains the key. */
export function valueReply(key: string): string {
  const value = `value of ${key}`
  return `VALUE ${key} 0 ${value.length}\r\n${value}\r\n`
}
