import type { Socket } from 'node:net'
import { MintringError } from '../errors.ts'
import type { Host } from '../hosts/host.ts'
import { lackOf } from '../net/abilities.ts'
import { Handshake } from '../net/handshake.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { ReplyParser } from '../protocol/reply-parser.ts'

/** How many lines may wait for the reader before the socket is told to stop. */
const MAX_WAITING_LINES = 1024

/**
 * The lines of a command whose answer is long, or never ends: a dump, a watch. It gets a connection
 * of its own, so that it holds nobody up, and the server is made to wait when the reader is slow.
 */
export class LineStream {
  readonly #host: Host
  readonly #head: string
  readonly #parser: ReplyParser
  #handshake: Handshake | undefined
  readonly #waiting: string[] = []
  #socket: Socket | undefined
  #isGreeted = false
  #isOver = false
  #error: MintringError | undefined
  #wake: (() => void) | undefined

  constructor(host: Host, head: string) {
    this.#host = host
    this.#head = head
    this.#parser = new ReplyParser((reply) => this.#take(reply))
  }

  /** Yields lines until the server ends, the reader stops, or the signal fires. */
  async *lines(signal: AbortSignal | undefined): AsyncGenerator<string, void, undefined> {
    const onAbort = (): void => this.#fail(abortedBy(signal))
    if (signal?.aborted) throw abortedBy(signal)
    signal?.addEventListener('abort', onAbort)
    try {
      await this.#open()
      for (;;) {
        yield* this.#waiting.splice(0)
        if (this.#waiting.length > 0) continue
        if (this.#error !== undefined) throw this.#error
        if (this.#isOver) return
        this.#socket?.resume()
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#socket?.destroy()
    }
  }

  async #open(): Promise<void> {
    // A lane finds out first what the server takes: some hang up when asked for more.
    const abilities = await this.#host.ready()
    const [command = ''] = this.#head.split(' ')
    const lack = lackOf(abilities, this.#host.name, command)
    if (lack !== undefined) throw lack
    const handshake = new Handshake(this.#host.handshake())
    this.#handshake = handshake
    const dialling = new AbortController()
    const socket = await this.#host.dial((chunk) => this.#push(chunk), dialling.signal)
    this.#socket = socket
    const lost = (): void => this.#fail(this.#lost())
    socket.on('error', lost)
    socket.on('end', lost)
    socket.on('close', lost)
    if (this.#error !== undefined) throw this.#error
    socket.write(handshake.start(), 'latin1')
  }

  #push(chunk: Buffer): void {
    if (this.#isOver || this.#error !== undefined) return
    try {
      this.#parser.push(chunk)
    } catch (error) {
      this.#fail(error as MintringError)
    }
    if (this.#waiting.length > MAX_WAITING_LINES) this.#socket?.pause()
  }

  #take(reply: Reply): void {
    if (!this.#isGreeted) {
      this.#greet(reply)
      return
    }
    switch (reply.kind) {
      case ReplyKind.Line:
        this.#line(reply.text())
        break
      case ReplyKind.Ok:
        break
      case ReplyKind.End:
      case ReplyKind.En:
        this.#isOver = true
        this.#awake()
        break
      default:
        this.#fail(this.#refused(reply.text()))
    }
  }

  #line(text: string): void {
    if (/^(BUSY|BADCLASS|WATCHER_)/.test(text)) {
      this.#fail(this.#refused(text))
      return
    }
    this.#waiting.push(text)
    this.#awake()
  }

  #greet(reply: Reply): void {
    const handshake = this.#handshake!
    const next = handshake.accept(reply)
    this.#isGreeted = handshake.abilities !== undefined
    this.#socket?.write(this.#isGreeted ? this.#head : next, 'latin1')
  }

  #fail(error: MintringError): void {
    if (this.#isOver) return
    this.#error ??= error
    this.#socket?.destroy()
    this.#awake()
  }

  #awake(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  #lost(): MintringError {
    const { name } = this.#host
    return new MintringError('MINTRING_CONNECTION', `the connection to ${name} was lost`, {
      host: name,
      sent: true,
    })
  }

  #refused(text: string): MintringError {
    const { name } = this.#host
    const code = text === 'ERROR' ? 'MINTRING_UNSUPPORTED' : 'MINTRING_REFUSED'
    return new MintringError(code, `${name} answered: ${text}`, { host: name, sent: true })
  }
}

function abortedBy(signal: AbortSignal | undefined): MintringError {
  return new MintringError('MINTRING_ABORTED', 'the operation was aborted by its signal', {
    cause: signal?.reason,
  })
}
