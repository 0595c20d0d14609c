import net from 'node:net'
import type { TestContext } from 'node:test'

/** A proxy to a server that records the command lines that pass. */
export interface Tap {
  readonly address: string
  /** Returns the lines that clients sent since the last call, data blocks included. */
  take(): string[]
}

/** Starts a recording proxy to a port of 127.0.0.1, which closes when the test ends. */
export async function tap(test: TestContext, port: number): Promise<Tap> {
  let text = ''
  const sockets = new Set<net.Socket>()
  const server = net.createServer((client) => {
    const upstream = net.connect(port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (chunk) => {
      text += chunk.toString('latin1')
      upstream.write(chunk)
    })
    upstream.on('data', (chunk) => client.write(chunk))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  test.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port: own } = server.address() as net.AddressInfo
  return {
    address: `127.0.0.1:${own}`,
    take() {
      const lines = text.split('\r\n').filter((line) => line !== '')
      text = ''
      return lines
    },
  }
}
