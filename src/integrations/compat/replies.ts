import { BufferBody } from '../../client/values/codec.ts'
import { NpmMemcachedCodec } from '../../client/values/dialects/npm-memcached.ts'
import type { RawReply } from '../../client/verbs/raw.ts'
import { notStored } from './errors.ts'
import type { Query } from './query.ts'

/** A statistic: a number if it consists of digits only. */
type Statistic = string | number
type Grouped = Record<string, Statistic | Record<string, Statistic>>

const codec = new NpmMemcachedCodec()

/**
 * Converts the replies of a raw command to the result that `memcached` passes to the callback: a
 * value, a list, statistics, or a boolean. Throws for a reply line it does not know.
 */
export function npmResult(query: Query, server: string, replies: readonly RawReply[]): unknown {
  const { type = '' } = query
  const shape = STATISTICS[type]
  if (shape !== undefined) return statisticsOf(server, replies, shape)
  const results = replies.flatMap((reply) => partOf(query, server, reply))
  return results.length > 1 ? results : results[0]
}

/** Converts one reply line to result entries: none for the END of a list. */
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

/** How to split a statistic's name into its group and its name within the group. */
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

/** Files a statistic without a class (`active_slabs`) under "undefined", as `memcached` does. */
function file(statistics: Grouped, [, group = '', name]: readonly string[], value: Statistic) {
  const members = statistics[group] as Record<string, Statistic> | undefined
  statistics[group] = { ...members, [name || 'undefined']: value }
}
