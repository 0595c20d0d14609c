import {
  Command,
  checkStrictLine,
  itemBytes,
  readMetaSetLine,
  readStorageLine,
  readStrictMetaSetLine,
  readStrictStorageLine,
  STORAGE_WORDS,
} from './command.ts'
import { META_FLAGS_1_6_18 } from './command-meta.ts'

const LINE_FEED = 10
const CARRIAGE_RETURN = 13
const SPACE = 32
const EMPTY: Buffer = Buffer.alloc(0)

/**
 * memcached closes a connection that sends this many bytes without a line feed, unless they begin a
 * get.
 */
const JUNK_BYTES = 2048

/** The properties of the server for which a CommandParser reads. */
export interface CommandParserOptions {
  /**
   * The size limit of an item (see itemBytes). The parser skips the value of a larger one. Default
   * 1 MiB, as in memcached.
   */
  readonly maxItemBytes?: number
  /** The longest request line in bytes; after a longer one the parser ends. Default 1 MiB. */
  readonly maxLineBytes?: number
  /** Whether items have CAS ids (memcached without `-C`). Default true. */
  readonly cas?: boolean
  /** Whether this server supports meta commands. Default true. */
  readonly meta?: boolean
  /** The meta flags that this server supports. Default: those of memcached 1.6.18. */
  readonly metaFlags?: string
  /**
   * Whether to parse lines as memcached 1.6.40 and later do. The value of a malformed line is
   * skipped if its length is readable; lines with too few words fail with CLIENT_ERROR; surplus
   * words are ignored. Default false.
   */
  readonly strictLines?: boolean
  /** Whether numbers must be digits only, as in memcached 1.6.45 and later. Default false. */
  readonly strictNumbers?: boolean
  /** Whether `config set` is followed by a value, as on ElastiCache. Default false. */
  readonly config?: boolean
}

/**
 * Short verbs by their bytes, so that frequent commands allocate no string for their first word.
 */
const SHORT_VERBS: ReadonlyMap<number, string> = new Map(
  ['get', 'gets', 'gat', 'gats', 'set', 'add', 'cas', 'mg', 'ms', 'md', 'ma', 'mn', 'me', 'incr']
    .concat(['decr'])
    .map((verb) => [packVerb(Buffer.from(verb), 0, verb.length), verb]),
)

function packVerb(bytes: Buffer, start: number, end: number): number {
  let packed = 0
  for (let at = start; at < end; at++) packed = (packed << 8) | bytes[at]!
  return packed
}

/**
 * Parses the requests of one connection exactly as memcached 1.6.18 does, or a newer one by the
 * options. This includes its handling of malformed input: which lines get one error reply, when a
 * value is read as commands, which bytes are skipped, and when the connection closes (`ended`).
 * Chunks may be cut anywhere. Source: memcached's proto_text.c and doc/protocol.txt.
 */
export class CommandParser {
  readonly #onCommand: (command: Command) => void
  readonly #options: Required<CommandParserOptions>
  readonly #command = new Command()
  #ended = false
  /** The beginning of a line whose end has not arrived. */
  #pending: Buffer = EMPTY
  #pendingBytes = 0
  /** How many bytes of a value, with its CRLF, are still missing. */
  #wanted = 0
  /** How many further bytes belong to a rejected value, which is skipped. */
  #swallow = 0
  #filled = 0

  constructor(onCommand: (command: Command) => void, options: CommandParserOptions = {}) {
    this.#onCommand = onCommand
    this.#options = {
      maxItemBytes: options.maxItemBytes ?? 1024 * 1024,
      maxLineBytes: options.maxLineBytes ?? 1024 * 1024,
      cas: options.cas ?? true,
      meta: options.meta ?? true,
      metaFlags: options.metaFlags ?? META_FLAGS_1_6_18,
      strictLines: options.strictLines ?? false,
      strictNumbers: options.strictNumbers ?? false,
      config: options.config ?? false,
    }
    this.#command.line.strict = this.#options.strictLines
    this.#command.line.strictNumbers = this.#options.strictNumbers
  }

  /** Whether to close the connection: the input is not a request, or stop() was called. */
  get ended(): boolean {
    return this.#ended
  }

  /** How many bytes of an incomplete command are held. */
  get pendingBytes(): number {
    return this.#pendingBytes + this.#filled
  }

  /** Stops parsing at once, even within the current chunk. */
  stop(): void {
    this.#ended = true
  }

  /** Parses `chunk` and calls the callback for each completed command. */
  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !this.#ended) {
      if (this.#wanted > 0) at = this.#readData(chunk, at)
      else if (this.#swallow > 0) {
        const step = Math.min(this.#swallow, chunk.length - at)
        this.#swallow -= step
        at += step
      } else at = this.#readLine(chunk, at)
    }
    // The value continues in a later chunk. The caller may reuse this one, so copy the words.
    if (this.#wanted > 0) this.#command.line.detach()
  }

  #readLine(chunk: Buffer, at: number): number {
    const feed = chunk.indexOf(LINE_FEED, at)
    if (feed < 0) {
      this.#hold(chunk, at, chunk.length)
      this.#giveUpOnJunk()
      return chunk.length
    }
    if (this.#pendingBytes === 0) {
      this.#onLine(chunk, at, feed)
    } else {
      this.#hold(chunk, at, feed)
      const line = this.#pending.subarray(0, this.#pendingBytes)
      this.#pending = EMPTY
      this.#pendingBytes = 0
      this.#onLine(line, 0, line.length)
    }
    return feed + 1
  }

  #hold(chunk: Buffer, start: number, end: number): void {
    const needed = this.#pendingBytes + end - start
    if (needed > this.#pending.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#pending.length * 2, 256))
      this.#pending.copy(grown, 0, 0, this.#pendingBytes)
      this.#pending = grown
    }
    chunk.copy(this.#pending, this.#pendingBytes, start, end)
    this.#pendingBytes = needed
  }

  #giveUpOnJunk(): void {
    if (this.#pendingBytes <= JUNK_BYTES) return
    let at = 0
    while (this.#pending[at] === 32) at++
    const head = this.#pending.toString('latin1', at, at + 5)
    if (at > 100 || !(head.startsWith('get ') || head === 'gets ')) this.#ended = true
    if (this.#pendingBytes > this.#options.maxLineBytes) this.#ended = true
  }

  #onLine(bytes: Buffer, start: number, feed: number): void {
    // In a line of one byte, a CR is part of the line, not of the line end.
    const end = feed - start > 1 && bytes[feed - 1] === CARRIAGE_RETURN ? feed - 1 : feed
    const command = this.#command
    const line = command.line
    line.cut(bytes, start, end)
    command.problem = undefined
    command.noreply = false
    command.tooLarge = false
    const width = line.width(0)
    const short =
      width > 0 && width <= 4
        ? SHORT_VERBS.get(packVerb(bytes, line.start(0), line.end(0)))
        : undefined
    command.verb = short ?? line.text(0)
    if (this.#options.strictLines) {
      // A line that begins with a space has no verb.
      if (bytes[start] === SPACE) command.verb = ''
      checkStrictLine(command, feed - start + 1)
    }
    if (command.problem !== undefined) this.#onCommand(command)
    else if (STORAGE_WORDS.has(command.verb)) this.#onStorage(command)
    else if (command.verb === 'ms' && this.#options.meta) this.#onMetaSet(command)
    else if (command.verb === 'config' && this.#options.config) this.#onConfig(command)
    else {
      if (width === 2 && command.verb.startsWith('m')) this.#readMeta(command)
      this.#onCommand(command)
    }
  }

  #readMeta(command: Command): void {
    if (!this.#options.meta) return
    command.meta.read(command.line, 2, this.#options.metaFlags)
    command.key = command.meta.key
  }

  #onStorage(command: Command): void {
    const { strictLines } = this.#options
    const hasValue = strictLines ? readStrictStorageLine(command) : readStorageLine(command)
    this.#onValueLine(command, hasValue)
  }

  #onMetaSet(command: Command): void {
    const { strictLines, metaFlags } = this.#options
    const read = strictLines ? readStrictMetaSetLine : readMetaSetLine
    this.#onValueLine(command, read(command, metaFlags))
  }

  #onValueLine(command: Command, hasValue: boolean): void {
    if (command.problem === undefined) {
      this.#expect(command)
      return
    }
    if (hasValue) this.#swallow = command.length + 2
    this.#onCommand(command)
  }

  #onConfig(command: Command): void {
    command.key = ''
    command.flags = 0
    command.length = command.line.i32(4)
    const sets = command.line.is(1, 'set') && command.length >= 0
    if (sets) this.#expect(command)
    else this.#onCommand(command)
  }

  #expect(command: Command): void {
    const { key, flags, length } = command
    const { cas, maxItemBytes } = this.#options
    if (itemBytes(key.length, flags, length, cas) > maxItemBytes) {
      command.tooLarge = true
      this.#swallow = length + 2
      this.#onCommand(command)
      return
    }
    this.#wanted = length + 2
    this.#filled = 0
  }

  #readData(chunk: Buffer, at: number): number {
    const command = this.#command
    const wanted = this.#wanted
    const step = Math.min(wanted - this.#filled, chunk.length - at)
    const whole = this.#filled === 0 && step === wanted
    if (whole) {
      command.data = chunk
      command.dataStart = at
      command.dataOwned = false
    } else {
      if (this.#filled === 0) this.#ownData(command, wanted)
      chunk.copy(command.data, this.#filled, at, at + step)
    }
    this.#filled += step
    if (this.#filled === wanted) this.#finishData(command)
    return at + step
  }

  #ownData(command: Command, wanted: number): void {
    command.data = Buffer.allocUnsafe(wanted)
    command.dataStart = 0
    command.dataOwned = true
  }

  #finishData(command: Command): void {
    const end = command.dataStart + command.length
    command.dataEndsWell =
      command.data[end] === CARRIAGE_RETURN && command.data[end + 1] === LINE_FEED
    this.#wanted = 0
    this.#filled = 0
    this.#onCommand(command)
    command.data = EMPTY
  }
}
