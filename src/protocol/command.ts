import { CommandLine } from './command-line.ts'
import { MetaFlags } from './command-meta.ts'
import { MAX_KEY_BYTES, MAX_OPAQUE_BYTES } from './limits.ts'

const EMPTY: Buffer = Buffer.alloc(0)

const BAD_FORMAT = 'CLIENT_ERROR bad command line format'
/** The largest length of a value: memcached adds two bytes (CRLF) and stores the sum in a C int. */
const LARGEST_LENGTH = 2_147_483_645

/** The size of memcached's item header in 64-bit builds. */
const ITEM_HEADER_BYTES = 48
const CAS_BYTES = 8

/**
 * Returns the size of an item as memcached counts it: the size that `-I` limits and `me` reports.
 */
export function itemBytes(
  keyBytes: number,
  flags: number,
  valueBytes: number,
  hasCas: boolean = true,
): number {
  const casBytes = hasCas ? CAS_BYTES : 0
  return ITEM_HEADER_BYTES + casBytes + keyBytes + 1 + (flags === 0 ? 0 : 4) + valueBytes + 2
}

/**
 * One parsed command. The parser reuses it for every command: read it only inside the callback.
 * Storage commands have `data`; read everything else from `line`.
 */
export class Command {
  /** The words of the line. */
  readonly line: CommandLine = new CommandLine()
  /** The flags of a meta command. */
  readonly meta: MetaFlags = new MetaFlags()
  /** The first word of the line, unchanged; '' for an empty line. */
  verb = ''
  /** The error line to reply if the line is malformed. No other field is valid then. */
  problem: string | undefined = undefined
  /** Whether the item of a storage command is over the size limit. The parser skips its value. */
  tooLarge = false
  /** Whether the client wants no reply. */
  noreply = false
  /** The key of a storage or meta command, one character per byte. */
  key = ''
  /** The client flags of a storage command. */
  flags = 0
  /** The exptime of a classic storage command, unchanged: 0, seconds, a Unix time, or negative. */
  exptime = 0
  /** The CAS id of a `cas` command. */
  cas = 0n
  /** The length of the value in bytes. The value starts at `dataStart` in `data`. */
  length = 0
  /** The buffer that contains the value. It may be the chunk passed to push(). */
  data: Buffer = EMPTY
  /** Where the value begins in `data`. */
  dataStart = 0
  /** Whether `data` was allocated for this command alone. If so, you may keep it without a copy. */
  dataOwned = false
  /** Whether CRLF follows the value. If not, memcached rejects it as a bad data chunk. */
  dataEndsWell = true

  /** Returns the value: `data` itself if it is not shared, otherwise a copy. */
  takeValue(): Buffer {
    const end = this.dataStart + this.length
    if (this.dataOwned) return this.data.subarray(this.dataStart, end)
    const value = Buffer.allocUnsafe(this.length)
    this.data.copy(value, 0, this.dataStart, end)
    return value
  }
}

/** How many words each storage command has, without `noreply`. */
export const STORAGE_WORDS: ReadonlyMap<string, number> = new Map([
  ['set', 5],
  ['add', 5],
  ['replace', 5],
  ['append', 5],
  ['prepend', 5],
  ['cas', 6],
])

/**
 * Parses a line of set, add, replace, append, prepend or cas into `command`. Returns whether a
 * value follows. For a malformed line it sets `problem` and returns false: the bytes after it are
 * then read as commands.
 */
export function readStorageLine(command: Command): boolean {
  const line = command.line
  const words = STORAGE_WORDS.get(command.verb)!
  if (line.count !== words && line.count !== words + 1) {
    command.problem = 'ERROR'
    return false
  }
  command.noreply = line.endsInNoreply()
  command.flags = line.u32(2)
  command.exptime = line.i32(3)
  command.length = line.i32(4)
  const cas = words === 6 ? line.u64(5) : 0n
  const numbers = command.flags + command.exptime + command.length
  if (line.width(1) > MAX_KEY_BYTES || Number.isNaN(numbers) || cas === undefined) {
    command.problem = BAD_FORMAT
  } else if (!isLength(command.length)) {
    command.problem = BAD_FORMAT
  } else {
    command.key = line.text(1)
    command.cas = cas
  }
  return command.problem === undefined
}

/** How many words a line must have in memcached 1.6.40 and later, which ignore surplus words. */
const LEAST_WORDS: ReadonlyMap<string, number> = new Map([
  ['get', 2],
  ['gets', 2],
  ['gat', 3],
  ['gats', 3],
  ['incr', 3],
  ['decr', 3],
  ['touch', 3],
  ['delete', 2],
  ['mg', 2],
  ['md', 2],
  ['ma', 2],
  ['me', 2],
])

/** The length of the shortest line that memcached 1.6.40 and later accept, with its line end. */
const LEAST_LINE_BYTES = 4

/**
 * Sets `problem` for a line that memcached 1.6.40 and later reject before they look at the command.
 */
export function checkStrictLine(command: Command, lineBytes: number): void {
  const { line, verb } = command
  const least = LEAST_WORDS.get(verb)
  const isShort = lineBytes < LEAST_LINE_BYTES || (least !== undefined && line.count < least)
  const isMeta = verb.length === 2 && verb.startsWith('m') && verb !== 'mn'
  if (isShort || (isMeta && !haveFlagLetters(line, 2))) command.problem = BAD_FORMAT
}

/** Returns whether each word from `first` on begins with a letter or a digit, as flags must. */
function haveFlagLetters(line: CommandLine, first: number): boolean {
  for (let index = first; index < line.count; index++) {
    const code = line.bytes[line.start(index)]!
    const isLetter = code > 64 && code < 123
    if (!isLetter && !(code > 47 && code < 58)) return false
  }
  return true
}

/**
 * Parses the line of a storage command as memcached 1.6.40 and later do. Returns whether a value
 * follows. It does if its length is readable, even if `problem` is set; it must be skipped then.
 */
export function readStrictStorageLine(command: Command): boolean {
  const line = command.line
  command.length = line.strictI32(4)
  if (!isLength(command.length)) {
    command.problem = BAD_FORMAT
    return false
  }
  command.noreply = line.endsInNoreply()
  command.key = line.text(1)
  command.flags = line.looseU32(2)
  command.exptime = line.looseI32(3)
  const cas = command.verb === 'cas' ? line.u64(5) : 0n
  const isBad = Number.isNaN(command.flags + command.exptime) || cas === undefined
  if (isBad || line.width(1) > MAX_KEY_BYTES) command.problem = BAD_FORMAT
  command.cas = cas ?? 0n
  return true
}

/**
 * Parses a line of `ms` as memcached 1.6.40 and later do. Returns what `readMetaSetLine` returns.
 */
export function readStrictMetaSetLine(command: Command, knownFlags: string): boolean {
  const { line } = command
  command.length = line.strictI32(2)
  if (!isLength(command.length) || !haveFlagLetters(line, 3)) {
    command.problem = BAD_FORMAT
    return false
  }
  if (line.width(1) > MAX_KEY_BYTES) command.problem = BAD_FORMAT
  else if (line.count > 20) command.problem = 'CLIENT_ERROR options flags are too long'
  else readMetaSetFlags(command, knownFlags)
  return true
}

/**
 * Parses a line of `ms` into `command`. Returns whether a value follows. It does if its length is
 * readable, even if `problem` is set; it must be skipped then.
 */
export function readMetaSetLine(command: Command, knownFlags: string): boolean {
  const { line } = command
  command.length = line.i32(2)
  if (line.count < 2) command.problem = 'ERROR'
  else if (line.width(1) > MAX_KEY_BYTES || line.count === 2) command.problem = BAD_FORMAT
  else if (line.count > 19) command.problem = 'CLIENT_ERROR options flags too long'
  else if (!isLength(command.length)) command.problem = BAD_FORMAT
  if (command.problem !== undefined) return false
  readMetaSetFlags(command, knownFlags)
  return true
}

function readMetaSetFlags(command: Command, knownFlags: string): void {
  const { line, meta } = command
  meta.read(line, 3, knownFlags)
  command.problem = meta.problem ?? metaSetProblem(command)
  command.key = meta.key
  command.flags = meta.clientFlags
}

function isLength(length: number): boolean {
  return length >= 0 && length <= LARGEST_LENGTH
}

/**
 * Returns the error of an `ms` whose flags are valid by themselves: an unknown mode, or an opaque
 * that is too long.
 */
function metaSetProblem(command: Command): string | undefined {
  const { line, meta } = command
  if (!['', 'E', 'A', 'P', 'R', 'S'].includes(meta.mode)) {
    return 'CLIENT_ERROR invalid mode for ms M token'
  }
  for (let index = meta.first; index < line.count; index++) {
    const opaque = line.bytes[line.start(index)] === 79
    if (opaque && line.width(index) > MAX_OPAQUE_BYTES + 1)
      return 'CLIENT_ERROR opaque token too long'
  }
  return undefined
}
