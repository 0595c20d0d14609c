import type { Socket } from 'node:net'
import { isMintringError, MintringError } from '../errors.ts'
import type { ParserLimits } from '../protocol/limits.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyParser } from '../protocol/reply-parser.ts'
import { beginsTls } from './dial-failure.ts'

/** Receives the events of a connection. */
export interface ConnectionOwner {
  readonly name: string
  onReply(reply: Reply): void
  /** Called when a chunk of `bytes` has been parsed. */
  onRead(bytes: number): void
  /** Called when the socket can take bytes again after `write` returned false. */
  onDrain(): void
  /** Called once when the connection has ended, for any reason. */
  onClosed(connection: Connection, error: MintringError): void
}

/** A socket and the parser of its replies, which is never used with another socket. */
export class Connection {
  readonly #owner: ConnectionOwner
  readonly #parser: ReplyParser
  #socket: Socket | undefined
  #isClosed = false
  #isFull = false

  constructor(owner: ConnectionOwner, limits: Partial<ParserLimits>) {
    this.#owner = owner
    this.#parser = new ReplyParser((reply) => {
      // Check after each reply: it may close the connection, although its chunk contains more
      // replies.
      if (!this.#isClosed) owner.onReply(reply)
    }, limits)
  }

  /** Whether the socket's buffer is full. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Bytes that the kernel has not accepted yet. */
  get unsentBytes(): number {
    return this.#socket?.writableLength ?? 0
  }

  /** Receives what the socket reads; passed to the dialler. */
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

  /** Writes latin1 text. */
  write(text: string): void {
    if (this.#socket?.write(text, 'latin1') === false) this.#isFull = true
  }

  /** Writes text, then a large value without copying it. cork() joins both into one system call. */
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

  /** Destroys the socket and discards the unread rest; neither is used again. */
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
    const message = `The connection to ${host} was lost${why}: did it restart, or a proxy close it?`
    return new MintringError('MINTRING_CONNECTION', message, { host, cause })
  }

  #surprise(error: unknown, chunk: Uint8Array): MintringError {
    const host = this.#owner.name
    const message = otherProtocol(host, chunk)
    if (message !== undefined) {
      return new MintringError('MINTRING_CONNECTION', message, { host, cause: error })
    }
    if (isMintringError(error)) {
      return new MintringError(error.code, error.message, { host, cause: error.cause })
    }
    return new MintringError('MINTRING_PROTOCOL', `Cannot parse a reply of ${host}`, {
      host,
      cause: error,
    })
  }
}

/** Returns an error message if the bytes are TLS or HTTP; undefined if they may be memcached's. */
function otherProtocol(host: string, chunk: Uint8Array): string | undefined {
  if (beginsTls(chunk)) return `${host} answers in TLS: use memcacheds://, or the behavior tls`
  const start = Buffer.from(chunk.subarray(0, 5)).toString('latin1')
  if (start === 'HTTP/') return `${host} answers in HTTP: it is no memcached. Is the port right?`
  return undefined
}
