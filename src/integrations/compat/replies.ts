import { BufferBody } from '../../client/values/codec.ts'
import { NpmMemcachedCodec } from '../../client/values/dialects/npm-memcached.ts'
import type { RawReply } from '../../client/verbs/raw.ts'
import { notStored } from './errors.ts'
import type { Query } from './query.ts'

/** A statistic: a number where it is digits only. */
type Statistic = string | number
type Grouped = Record<string, Statistic | Record<string, Statistic>>

const codec = new NpmMemcachedCodec()

/**
 * What that package calls back with for the replies of a command, as it was written: a value, a
 * list of them, statistics, or what one line says. Throws for a line it does not know.
 */
export function npmResult(query: Query, server: string, replies: readonly RawReply[]): unknown {
  const { type = '' } = query
  const shape = STATISTICS[type]
  if (shape !== undefined) return statisticsOf(server, replies, shape)
  const results = replies.flatMap((reply) => partOf(query, server, reply))
  return results.length > 1 ? results : results[0]
}

/** What one line adds to the result: nothing, for the END of a list. */
function partOf(query: Query, server: string, { line, data }: RawReply): unknown[] {
  const [word = '', ...words] = line.split(' ')
  if (/^\d+$/.test(word)) return [Number(word)]
  switch (word) {
    case 'END':
      return []
    case 'VALUE':
      return [itemValueOf(query, words, data ?? Buffer.alloc(0))]
    case 'STAT':
      return [[words[0], statistic(words[1] ?? '')]]
    case 'ITEM':
      return [itemOf(words)]
    case 'VERSION':
      return [versionOf(server, words.join(' '))]
    case 'CONFIG':
      return [String(data)]
  }
  const known = LINES[word]
  if (known !== undefined) return [known]
  if (word === 'NOT_STORED') throw notStored()
  throw new Error(`Unknown response from the memcached server: "${line}"`)
}

const LINES: Readonly<Record<string, boolean>> = {
  STORED: true,
  TOUCHED: true,
  DELETED: true,
  OK: true,
  EXISTS: false,
  NOT_FOUND: false,
}

function itemValueOf(query: Query, words: readonly string[], data: Buffer): unknown {
  const [key = '', flags, , cas] = words
  const value = data.length === 0 ? '' : codec.decode(Number(flags), new BufferBody(data))
  if (query.multi !== true && cas === undefined) return value
  return { [key]: value, ...(cas !== undefined && { cas }) }
}

/** `<key> [<bytes> b; <expiry> s]` */
function itemOf([key, bytes = '', , expiry]: readonly string[]): object {
  return { key, b: Number(bytes.slice(1)), s: Number(expiry) }
}

function versionOf(server: string, text: string): object {
  const [version = text, major = '0', minor = '0', bugfix = '0'] =
    /(\d+)\.(\d+)\.(\d+)/.exec(text) ?? []
  return { server, version, major, minor, bugfix }
}

function statistic(text: string): Statistic {
  return /^\d+$/.test(text) ? Number(text) : text
}

/** Which part of a statistic's name is its group, and which its name in there. */
const STATISTICS: Readonly<Record<string, RegExp | 'plain'>> = {
  stats: 'plain',
  'stats settings': 'plain',
  'stats slabs': /^([^:]+):?(.*)$/,
  'stats items': /^items:([^:]+):(.*)$/,
}

function statisticsOf(
  server: string,
  replies: readonly RawReply[],
  shape: RegExp | 'plain',
): Grouped {
  const statistics: Grouped = {}
  for (const { line } of replies) {
    const [word, name = '', value = ''] = line.split(' ')
    if (word !== 'STAT') continue
    statistics.server = server
    if (shape === 'plain') statistics[name] = statistic(value)
    else file(statistics, shape.exec(name) ?? [], statistic(value))
  }
  return statistics
}

/** What has no class of its own (`active_slabs`) is filed under "undefined" there too. */
function file(statistics: Grouped, [, group = '', name]: readonly string[], value: Statistic) {
  const members = statistics[group] as Record<string, Statistic> | undefined
  statistics[group] = { ...members, [name || 'undefined']: value }
}
