import type { Socket } from 'node:net'
import { MintringError } from '../errors.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { ReplyParser } from '../protocol/reply-parser.ts'
import { wordsOf } from '../protocol/words.ts'
import { performance } from '../runtime.ts'
import { type Abilities, lackOf } from './abilities.ts'
import type { OnBytes } from './dial.ts'
import { Handshake, type HandshakeInput } from './handshake.ts'
import { Watch } from './watch.ts'

/** How many lines may wait for the reader before the socket is paused. */
const MAX_WAITING_LINES = 1024

/** The host of a stream. */
export interface StreamOwner {
  readonly name: string
  readonly settings: { readonly connectTimeoutMs: number }
  /** Returns the server's abilities; dials when no connection is open. */
  ready(): Promise<Abilities>
  handshake(): HandshakeInput
  /** Is told when a connection can be used, or why it ended before. */
  readonly connects: {
    ended(connection: object, failure?: { readonly error: unknown }): void
  }
  dial(connection: object, onBytes: OnBytes, signal: AbortSignal): Promise<Socket>
}

/**
 * The lines of a command with a long or endless reply: a dump or a watch. It has a connection of
 * its own, so that it does not delay other commands. A slow reader slows the server.
 */
export class LineStream {
  readonly #owner: StreamOwner
  readonly #head: string
  readonly #parser: ReplyParser
  #handshake: Handshake | undefined
  readonly #waiting: string[] = []
  readonly #dialling = new AbortController()
  readonly #openWatch: Watch = new Watch(() => this.#onOpenTimeout())
  #socket: Socket | undefined
  #isGreeted = false
  #isOver = false
  #error: MintringError | undefined
  #wake: (() => void) | undefined

  constructor(owner: StreamOwner, head: string) {
    this.#owner = owner
    this.#head = head
    this.#parser = new ReplyParser((reply) => this.#take(reply))
  }

  /** Yields lines until the server ends, the reader stops, or the signal aborts. */
  async *lines(signal: AbortSignal | undefined): AsyncGenerator<string, void, undefined> {
    const onAbort = (): void => this.close(abortedBy(signal))
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
      this.#owner.connects.ended(this, { error: this.#error })
      this.#openWatch.stop()
      this.#socket?.destroy()
    }
  }

  async #open(): Promise<void> {
    if (this.#error !== undefined) throw this.#error
    // Detect the server's abilities on an ordinary connection first: some servers close the
    // connection at commands they do not know.
    const abilities = await this.#unlessClosed(this.#owner.ready())
    const words = wordsOf(this.#head)
    const lack = lackOf(abilities, this.#owner.name, words[0]!, words)
    if (lack !== undefined) throw lack
    const handshake = new Handshake(this.#owner.handshake())
    this.#handshake = handshake
    this.#openWatch.by(performance.now() + this.#owner.settings.connectTimeoutMs)
    const onBytes = (chunk: Buffer): void => this.#push(chunk)
    const socket = await this.#owner.dial(this, onBytes, this.#dialling.signal)
    this.#socket = socket
    const lost = (): void => this.close(this.#lost('was lost'))
    socket.on('error', lost)
    socket.on('end', lost)
    socket.on('close', lost)
    if (this.#error !== undefined) {
      socket.destroy()
      throw this.#error
    }
    socket.write(handshake.start(), 'latin1')
  }

  /** Resolves like `result`, or rejects as soon as the stream is closed. */
  #unlessClosed<Result>(result: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#dialling.signal.addEventListener('abort', () => reject(this.#error), { once: true })
      result.then(resolve, reject)
    })
  }

  #push(chunk: Buffer): void {
    if (this.#isOver || this.#error !== undefined) return
    try {
      this.#parser.push(chunk)
    } catch (error) {
      this.close(error as MintringError)
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
        this.close(this.#refused(reply.text()))
    }
  }

  #line(text: string): void {
    if (/^(BUSY|BADCLASS|WATCHER_)/.test(text)) {
      this.close(this.#refused(text))
      return
    }
    this.#waiting.push(text)
    this.#awake()
  }

  #greet(reply: Reply): void {
    const handshake = this.#handshake!
    const next = handshake.accept(reply)
    this.#isGreeted = handshake.abilities !== undefined
    if (this.#isGreeted) {
      this.#openWatch.stop()
      this.#owner.connects.ended(this)
    }
    this.#socket?.write(this.#isGreeted ? this.#head : next, 'latin1')
  }

  /** Ends the stream with an error. */
  close(error: MintringError): void {
    if (this.#isOver) return
    this.#error ??= error
    this.#dialling.abort(error)
    this.#socket?.destroy()
    this.#awake()
  }

  #onOpenTimeout(): number {
    this.close(this.#lost('timed out while it was being opened'))
    return Number.POSITIVE_INFINITY
  }

  #awake(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  #lost(why: string): MintringError {
    const { name } = this.#owner
    const message = `The connection to ${name} ${why}`
    return new MintringError('MINTRING_CONNECTION', message, { host: name, sent: this.#isGreeted })
  }

  #refused(text: string): MintringError {
    const { name } = this.#owner
    const code = text === 'ERROR' ? 'MINTRING_UNSUPPORTED' : 'MINTRING_REFUSED'
    return new MintringError(code, `${name} answered: ${text}`, { host: name, sent: true })
  }
}

function abortedBy(signal: AbortSignal | undefined): MintringError {
  return new MintringError('MINTRING_ABORTED', 'the operation was aborted by its signal', {
    cause: signal?.reason,
  })
}
