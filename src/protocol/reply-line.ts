import { isUint64, onlySpaces, readUint, SPACE, startsWith, tokenEnd } from './ascii.ts'
import type { Reply } from './reply.ts'
import { ReplyKind } from './reply-kind.ts'

/** What `readLine` returns if no data block follows the line. */
export const NO_DATA = -1

/** What `readLine` returns for an invalid line. Error codes are numbers, to avoid allocations. */
const UNKNOWN = -2
const BAD_FIELD = -3
const BAD_NUMBER = -4
const BAD_LENGTH = -5

/** Returns the message for an error code of `readLine`. */
export function lineFault(code: number): string {
  if (code === BAD_FIELD) return 'Malformed reply line'
  if (code === BAD_NUMBER) return 'Malformed number in a reply line'
  if (code === BAD_LENGTH) return 'Malformed value length in a reply line'
  return 'Unknown reply'
}

/**
 * Parses the line that was passed to `reply.begin`: sets the kind and all fields that the line has.
 * Returns the length of the data block that follows, NO_DATA, or an error code below it.
 */
export function readLine(reply: Reply): number {
  const bytes = reply.lineBuffer
  const start = reply.lineStart
  const end = reply.lineEnd
  if (end - start < 2) return readShortLine(reply, bytes, start, end)
  const first = bytes[start]!
  const second = bytes[start + 1]!
  if (end - start === 2 || bytes[start + 2] === SPACE) {
    const kind = metaKind(first, second)
    if (kind >= 0) return readMeta(reply, kind as ReplyKind, bytes, start, end)
  }
  if (first === 0x56 && second === 0x41 && startsWith(bytes, start, end, 'VALUE ')) {
    reply.kind = ReplyKind.Value
    return readBlock(reply, bytes, start + 6, end)
  }
  if (first >= 0x30 && first <= 0x39) return readNumber(reply, bytes, start, end)
  return readWord(reply, bytes, start, end)
}

function readShortLine(reply: Reply, bytes: Buffer, start: number, end: number): number {
  const digit = end > start && bytes[start]! >= 0x30 && bytes[start]! <= 0x39
  return digit ? readNumber(reply, bytes, start, end) : UNKNOWN
}

// Not read from ReplyKind where they are returned: V8 would drop the optimized code at the first
// reply of each kind.
const { Va, Hd, En, Nf, Ns, Ex, Mn, Me } = ReplyKind

function metaKind(first: number, second: number): number {
  switch ((first << 8) | second) {
    case 0x5641:
      return Va
    case 0x4844:
      return Hd
    case 0x454e:
      return En
    case 0x4e46:
      return Nf
    case 0x4e53:
      return Ns
    case 0x4558:
      return Ex
    case 0x4d4e:
      return Mn
    case 0x4d45:
      return Me
    default:
      return -1
  }
}

/** Parses `<key> <flags> <bytes> [<cas>]`, from `at` on. */
function readBlock(reply: Reply, bytes: Buffer, at: number, end: number): number {
  const keyEnd = tokenEnd(bytes, at, end)
  const flagsEnd = tokenEnd(bytes, keyEnd + 1, end)
  const sizeEnd = tokenEnd(bytes, flagsEnd + 1, end)
  if (keyEnd === at || sizeEnd > end) return BAD_FIELD
  const flags = readUint(bytes, keyEnd + 1, flagsEnd)
  if (flags < 0) return BAD_NUMBER
  const size = readUint(bytes, flagsEnd + 1, sizeEnd)
  if (size < 0) return BAD_LENGTH
  reply.keyStart = at
  reply.keyEnd = keyEnd
  reply.flags = flags
  reply.size = size
  if (sizeEnd === end) return size
  const casEnd = tokenEnd(bytes, sizeEnd + 1, end)
  if (casEnd > sizeEnd + 1) {
    if (!isUint64(bytes, sizeEnd + 1, casEnd)) return BAD_NUMBER
    reply.casStart = sizeEnd + 1
    reply.casEnd = casEnd
  }
  return onlySpaces(bytes, casEnd, end) ? size : BAD_FIELD
}

/**
 * Parses `<code> [<size>] <flag>*`, from `start` on. memcached up to 1.6.17 ended these lines with
 * a space.
 */
function readMeta(
  reply: Reply,
  kind: ReplyKind,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  reply.kind = kind
  let at = start + 3
  let size = NO_DATA
  if (kind === Me) return readMetaDebug(reply, bytes, at, end)
  if (kind === Va) {
    const sizeEnd = tokenEnd(bytes, at, end)
    size = sizeEnd > end ? -1 : readUint(bytes, at, sizeEnd)
    if (size < 0) return BAD_LENGTH
    at = sizeEnd + 1
  }
  while (at < end) {
    const letter = bytes[at]!
    if (letter === SPACE) {
      at++
      continue
    }
    const flagEnd = tokenEnd(bytes, at + 1, end)
    if (!readFlag(reply, bytes, letter, at + 1, flagEnd)) return BAD_NUMBER
    at = flagEnd
  }
  if (size >= 0) reply.size = size
  return size
}

function readMetaDebug(reply: Reply, bytes: Buffer, at: number, end: number): number {
  const keyEnd = tokenEnd(bytes, at, end)
  if (keyEnd === at || keyEnd > end) return BAD_FIELD
  reply.keyStart = at
  reply.keyEnd = keyEnd
  return NO_DATA
}

/**
 * Parses one flag of a meta reply. Ignores unknown letters, for future versions. Returns false for
 * an invalid number.
 */
function readFlag(reply: Reply, bytes: Buffer, letter: number, at: number, end: number): boolean {
  switch (letter) {
    case 0x57: // W
      reply.won = true
      return true
    case 0x58: // X
      reply.stale = true
      return true
    case 0x5a: // Z
      reply.lost = true
      return true
    case 0x66: // f
      reply.flags = readUint(bytes, at, end)
      return reply.flags >= 0
    case 0x74: // t
      return readTtl(reply, bytes, at, end)
    case 0x63: // c
      reply.casStart = at
      reply.casEnd = end
      return isUint64(bytes, at, end)
    case 0x6b: // k
      reply.keyStart = at
      reply.keyEnd = end
      return end > at
    case 0x62: // b
      reply.keyIsBase64 = true
      return true
    case 0x4f: // O
      reply.opaqueStart = at
      reply.opaqueEnd = end
      return true
    case 0x73: // s
      reply.size = readUint(bytes, at, end)
      return reply.size >= 0
    case 0x68: // h
      reply.hit = readUint(bytes, at, end)
      return reply.hit === 0 || reply.hit === 1
    case 0x6c: // l
      reply.lastAccess = readUint(bytes, at, end)
      return reply.lastAccess >= 0
    default:
      return true
  }
}

function readTtl(reply: Reply, bytes: Buffer, at: number, end: number): boolean {
  if (end - at === 2 && bytes[at] === 0x2d && bytes[at + 1] === 0x31) {
    reply.ttl = -1
    return true
  }
  reply.ttl = readUint(bytes, at, end)
  return reply.ttl >= 0
}

function readNumber(reply: Reply, bytes: Buffer, start: number, end: number): number {
  reply.kind = ReplyKind.Number
  const numberEnd = tokenEnd(bytes, start, end)
  if (!isUint64(bytes, start, numberEnd)) return BAD_NUMBER
  return onlySpaces(bytes, numberEnd, end) ? NO_DATA : BAD_NUMBER
}

/** The replies that are one word without arguments. */
const WORDS: readonly (readonly [string, ReplyKind])[] = [
  ['END', ReplyKind.End],
  ['STORED', ReplyKind.Stored],
  ['NOT_STORED', ReplyKind.NotStored],
  ['NOT_FOUND', ReplyKind.NotFound],
  ['EXISTS', ReplyKind.Exists],
  ['DELETED', ReplyKind.Deleted],
  ['TOUCHED', ReplyKind.Touched],
  ['OK', ReplyKind.Ok],
  ['RESET', ReplyKind.Reset],
]

/** The replies that a free text may follow, after a space or (`ERROR: shutdown …`) a colon. */
const HEADINGS: readonly (readonly [string, ReplyKind])[] = [
  ['ERROR', ReplyKind.Error],
  ['CLIENT_ERROR', ReplyKind.ClientError],
  ['SERVER_ERROR', ReplyKind.ServerError],
  ['VERSION', ReplyKind.Version],
  ['mg', ReplyKind.Line],
  ['BUSY', ReplyKind.Line],
  ['BADCLASS', ReplyKind.Line],
  ['NOSPARE', ReplyKind.Line],
  ['NOTFULL', ReplyKind.Line],
  ['NOTSTARTED', ReplyKind.Line],
  ['UNSAFE', ReplyKind.Line],
  ['SAME', ReplyKind.Line],
  ['WATCHER_TOO_MANY', ReplyKind.Line],
  ['WATCHER_FAILED', ReplyKind.Line],
  ['MEMLIMIT_TOO_SMALL', ReplyKind.Line],
  ['MEMLIMIT_ADJUST_FAILED', ReplyKind.Line],
  ['ITEM', ReplyKind.Line],
  ['PREFIX', ReplyKind.Line],
]

const COLON = 0x3a

/** The beginnings of the lines of a watch. */
const PREFIXES: readonly string[] = ['ts=', 'skipped=']

/** First the lines of which there are many: a handshake reads STAT lines, and a metadump keys. */
function readWord(reply: Reply, bytes: Buffer, start: number, end: number): number {
  if (startsWith(bytes, start, end, 'STAT ')) return readStat(reply, bytes, start + 5, end)
  if (startsWith(bytes, start, end, 'key=')) {
    reply.kind = ReplyKind.Line
    return NO_DATA
  }
  for (const [word, kind] of WORDS) {
    if (!startsWith(bytes, start, end, word)) continue
    if (!onlySpaces(bytes, start + word.length, end)) continue
    reply.kind = kind
    return NO_DATA
  }
  if (startsWith(bytes, start, end, 'CONFIG ')) {
    reply.kind = ReplyKind.Config
    return readBlock(reply, bytes, start + 7, end)
  }
  for (const [word, kind] of HEADINGS) {
    if (!startsWith(bytes, start, end, word)) continue
    const after = start + word.length
    if (after < end && bytes[after] !== SPACE && bytes[after] !== COLON) continue
    reply.kind = kind
    return NO_DATA
  }
  reply.kind = ReplyKind.Line
  return PREFIXES.some((prefix) => startsWith(bytes, start, end, prefix)) ? NO_DATA : UNKNOWN
}

function readStat(reply: Reply, bytes: Buffer, at: number, end: number): number {
  reply.kind = ReplyKind.Stat
  reply.keyStart = at
  reply.keyEnd = Math.min(tokenEnd(bytes, at, end), end)
  return reply.keyEnd > at ? NO_DATA : BAD_FIELD
}
