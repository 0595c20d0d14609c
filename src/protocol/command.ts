import { CommandLine } from './command-line.ts'
import { META_FLAGS_1_6_18, MetaFlags } from './command-meta.ts'
import { MAX_KEY_BYTES } from './limits.ts'

const LINE_FEED = 10
const CARRIAGE_RETURN = 13
const EMPTY: Buffer = Buffer.alloc(0)

/** Without a line feed in this many bytes, memcached gives up on the connection, unless it is a get. */
const JUNK_BYTES = 2048
const BAD_FORMAT = 'CLIENT_ERROR bad command line format'
const LARGEST_LENGTH = 2_147_483_645

/** memcached's item header on 64-bit builds. */
const ITEM_HEADER_BYTES = 48
const CAS_BYTES = 8

/** What an item weighs in memcached's accounting: the figure `-I` limits and `me` calls size. */
export function itemBytes(
  keyBytes: number,
  flags: number,
  valueBytes: number,
  hasCas: boolean = true,
): number {
  const casBytes = hasCas ? CAS_BYTES : 0
  return ITEM_HEADER_BYTES + casBytes + keyBytes + 1 + (flags === 0 ? 0 : 4) + valueBytes + 2
}

/** What a CommandParser needs to know of the server it reads for. */
export interface CommandParserOptions {
  /** Items heavier than this (see itemBytes) are swallowed unread. Default 1 MiB, as memcached's. */
  readonly maxItemBytes?: number
  /** The longest request line, 1 MiB by default; over it the parser ends. */
  readonly maxLineBytes?: number
  /** Whether items have a CAS (memcached without `-C`). Default true. */
  readonly cas?: boolean
  /** Whether this server knows the meta commands. Default true. */
  readonly meta?: boolean
  /** The meta flag letters this server knows. Default: those of memcached 1.6.18. */
  readonly metaFlags?: string
  /** Whether `config set` carries a value here, as on ElastiCache. Default false. */
  readonly config?: boolean
}

/**
 * One command, reused for every command of its parser: read it inside the callback only.
 * Storage commands come with `data`; everything else is read from `line`.
 */
export class Command {
  readonly line: CommandLine = new CommandLine()
  readonly meta: MetaFlags = new MetaFlags()
  /** The first word of the line as it came, '' on an empty line. */
  verb = ''
  /** Set when the line is malformed: the reply memcached owes for it. Nothing else is valid then. */
  problem: string | undefined = undefined
  /** Set on storage commands whose item is over the limit; the value is swallowed. */
  tooLarge = false
  noreply = false
  /** The key of a storage or meta command, one character per byte. */
  key = ''
  flags = 0
  exptime = 0
  /** The CAS of `cas`. */
  cas = 0n
  /** The value's bytes: `data` from `dataStart`, `length` of them. */
  length = 0
  data: Buffer = EMPTY
  dataStart = 0
  /** Whether `data` was allocated for this command alone, so that it may be kept uncopied. */
  dataOwned = false
  /** Whether the value was followed by CR LF; if not, memcached refuses it as a bad data chunk. */
  dataEndsWell = true

  /** The value copied, or kept as it is when nobody else holds its memory. */
  takeValue(): Buffer {
    const end = this.dataStart + this.length
    if (this.dataOwned) return this.data.subarray(this.dataStart, end)
    const value = Buffer.allocUnsafe(this.length)
    this.data.copy(value, 0, this.dataStart, end)
    return value
  }
}

/** Words of each storage command, `noreply` not counted. */
const STORAGE_WORDS: ReadonlyMap<string, number> = new Map([
  ['set', 5],
  ['add', 5],
  ['replace', 5],
  ['append', 5],
  ['prepend', 5],
  ['cas', 6],
])

/** Short verbs by their bytes, so that the usual commands make no string of their first word. */
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
 * Reads the requests of one connection as memcached 1.6.18 does, tolerance and all: which malformed
 * lines cost one reply and which leave their value to be read as commands, what is swallowed, where
 * the connection is given up (`ended`). Incremental: any chunk size gives the same commands.
 * Source: memcached's proto_text.c and doc/protocol.txt.
 */
export class CommandParser {
  readonly #onCommand: (command: Command) => void
  readonly #options: Required<CommandParserOptions>
  readonly #command = new Command()
  #ended = false
  /** A line that has not ended yet. */
  #pending: Buffer = EMPTY
  #pendingBytes = 0
  /** Bytes of a value (and its CR LF) still to come, and those to be thrown away. */
  #wanted = 0
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
      config: options.config ?? false,
    }
  }

  /** Whether the connection is to be closed: what came is no request, or stop() was called. */
  get ended(): boolean {
    return this.#ended
  }

  /** Bytes held back for a command that is not complete. */
  get pendingBytes(): number {
    return this.#pendingBytes + this.#filled
  }

  /** Reads nothing more, not even the rest of the chunk in hand. */
  stop(): void {
    this.#ended = true
  }

  /** Reads `chunk`, calling back for every command that it completes. */
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
    // The value comes in a later chunk, and this one belongs to the caller again.
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
    // Only a CR that ends a line of two bytes or more is part of the line end.
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
    if (STORAGE_WORDS.has(command.verb)) this.#onStorage(command)
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
    const line = command.line
    const words = STORAGE_WORDS.get(command.verb)!
    if (line.count !== words && line.count !== words + 1) {
      command.problem = 'ERROR'
      this.#onCommand(command)
      return
    }
    command.noreply = line.endsInNoreply()
    command.flags = line.u32(2)
    command.exptime = line.i32(3)
    const length = line.i32(4)
    const cas = words === 6 ? line.u64(5) : 0n
    const numbers = command.flags + command.exptime + length
    const bad = line.width(1) > MAX_KEY_BYTES || Number.isNaN(numbers) || cas === undefined
    if (bad || length < 0 || length > LARGEST_LENGTH) {
      command.problem = BAD_FORMAT
      this.#onCommand(command)
      return
    }
    command.key = line.text(1)
    command.cas = cas
    this.#expect(command, length)
  }

  #onMetaSet(command: Command): void {
    const { line, meta } = command
    const length = line.i32(2)
    if (line.count < 2) command.problem = 'ERROR'
    else if (line.width(1) > MAX_KEY_BYTES || line.count === 2) command.problem = BAD_FORMAT
    else if (line.count > 19) command.problem = 'CLIENT_ERROR options flags too long'
    else if (!(length >= 0 && length <= LARGEST_LENGTH)) command.problem = BAD_FORMAT
    if (command.problem === undefined) {
      meta.read(line, 3, this.#options.metaFlags)
      command.problem = meta.problem ?? metaSetProblem(command)
      if (command.problem !== undefined) this.#swallow = length + 2
    }
    if (command.problem !== undefined) {
      this.#onCommand(command)
      return
    }
    command.key = meta.key
    command.flags = meta.clientFlags
    this.#expect(command, length)
  }

  #onConfig(command: Command): void {
    const length = command.line.i32(4)
    const sets = command.line.is(1, 'set') && command.line.count >= 5
    if (!sets || !(length >= 0)) this.#onCommand(command)
    else this.#expect(command, length)
  }

  #expect(command: Command, length: number): void {
    command.length = length
    const { cas, maxItemBytes } = this.#options
    if (itemBytes(command.key.length, command.flags, length, cas) > maxItemBytes) {
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

/** What `ms` refuses after its flags were read: an over-long opaque, then an unknown mode. */
function metaSetProblem(command: Command): string | undefined {
  const { line, meta } = command
  if (!['', 'E', 'A', 'P', 'R', 'S'].includes(meta.mode)) {
    return 'CLIENT_ERROR invalid mode for ms M token'
  }
  for (let index = meta.first; index < line.count; index++) {
    const opaque = line.bytes[line.start(index)] === 79
    if (opaque && line.width(index) > 32) return 'CLIENT_ERROR opaque token too long'
  }
  return undefined
}
