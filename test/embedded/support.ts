import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { until } from '../support/test-cluster.ts'

/** A raw connection to an embedded server, for tests of its bytes and of how it ends. */
export class RawClient {
  readonly socket: Socket
  received = ''
  /** How the connection ended: an error code, 'end' after a FIN; undefined while it is open. */
  ended: string | undefined = undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1')
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.ended ??= error.code
    })
    socket.on('close', () => {
      this.ended ??= 'end'
    })
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  /**
   * Sends `request` and resolves to the reply when it ends in `end`, or when the connection ends.
   */
  async ask(request: string, end: string = '\r\n'): Promise<string> {
    this.received = ''
    this.socket.write(Buffer.from(request, 'latin1'))
    await until(() => this.received.endsWith(end) || this.ended !== undefined)
    return this.received
  }

  close(): void {
    this.socket.destroy()
  }
}

/** The outcome of a connection attempt: 'connect' or an error code. */
export async function tryConnect(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return 'connect'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'error'
  } finally {
    socket.destroy()
  }
}
