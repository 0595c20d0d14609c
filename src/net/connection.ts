import type { Socket } from 'node:net'
import { isMintringError, MintringError } from '../errors.ts'
import type { ParserLimits } from '../protocol/limits.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyParser } from '../protocol/reply-parser.ts'
import { beginsTls } from './dial-failure.ts'

/** Who a connection tells what happens to it. */
export interface ConnectionOwner {
  readonly name: string
  onReply(reply: Reply): void
  /** A chunk of that many bytes was read to its end. */
  onRead(bytes: number): void
  /** The socket takes bytes again after `write` answered false. */
  onDrain(): void
  /** Once, whatever the reason. */
  onClosed(connection: Connection, error: MintringError): void
}

/** A socket and the parser of its replies: they live and die together. */
export class Connection {
  readonly #owner: ConnectionOwner
  readonly #parser: ReplyParser
  #socket: Socket | undefined
  #isClosed = false
  #isFull = false

  constructor(owner: ConnectionOwner, limits: Partial<ParserLimits>) {
    this.#owner = owner
    this.#parser = new ReplyParser((reply) => {
      // A reply may end the connection, while more of them are in the chunk.
      if (!this.#isClosed) owner.onReply(reply)
    }, limits)
  }

  /** The socket has bytes enough waiting. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Bytes the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#socket?.writableLength ?? 0
  }

  /** For the dialler: what the socket reads goes here. */
  readonly onBytes = (chunk: Buffer): void => {
    if (this.#isClosed) return
    try {
      this.#parser.push(chunk)
    } catch (error) {
      this.close(this.#surprise(error, chunk))
      return
    }
    if (!this.#isClosed) this.#owner.onRead(chunk.length)
  }

  attach(socket: Socket): void {
    this.#socket = socket
    socket.on('error', (cause: Error) => this.close(this.#lost(cause)))
    socket.on('end', () => this.close(this.#lost()))
    socket.on('close', () => this.close(this.#lost()))
    socket.on('drain', () => {
      this.#isFull = false
      if (!this.#isClosed) this.#owner.onDrain()
    })
    if (this.#isClosed) socket.destroy()
  }

  /** Latin1 text. */
  write(text: string): void {
    if (this.#socket?.write(text, 'latin1') === false) this.#isFull = true
  }

  /** A large value by reference, between its head and the rest. Joined into one system call. */
  writeBytes(before: string, bytes: Uint8Array): void {
    const socket = this.#socket
    if (socket === undefined) return
    if (before !== '') socket.write(before, 'latin1')
    if (!socket.write(bytes)) this.#isFull = true
  }

  cork(): void {
    this.#socket?.cork()
  }

  uncork(): void {
    this.#socket?.uncork()
  }

  /** Destroys the socket: it is never used again, nor is what was read from it. */
  close(error: MintringError): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#socket?.destroy()
    this.#owner.onClosed(this, error)
  }

  #lost(cause?: Error): MintringError {
    const host = this.#owner.name
    const code = (cause as { code?: unknown } | undefined)?.code
    const why = typeof code === 'string' ? ` (${code})` : ''
    const message = `The connection to ${host} was lost${why}`
    return new MintringError('MINTRING_CONNECTION', message, { host, cause })
  }

  #surprise(error: unknown, chunk: Uint8Array): MintringError {
    const host = this.#owner.name
    if (beginsTls(chunk)) {
      const message = `${host} answers in TLS: use memcacheds://, or the behavior tls`
      return new MintringError('MINTRING_CONNECTION', message, { host, cause: error })
    }
    if (isMintringError(error)) {
      return new MintringError(error.code, error.message, { host, cause: error.cause })
    }
    return new MintringError('MINTRING_PROTOCOL', `A reply of ${host} could not be read`, {
      host,
      cause: error,
    })
  }
}
