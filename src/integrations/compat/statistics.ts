import type { RawReply } from '../../client/verbs/raw.ts'

/** A statistic: a number where it is digits only, as the npm package `memcached` has it. */
export type Statistic = string | number

/** Statistics of a server by name, or by slab class and name; `server` is its address. */
export type ServerStatistics = Record<string, Statistic | Record<string, Statistic>>

/** An item that `cachedump` lists: its key, bytes, and when it expires (Unix time, seconds). */
export interface CachedItem {
  readonly key: string
  readonly b: number
  readonly s: number
}

/** `STAT <name> <value>` */
export function plainStatistics(server: string, replies: readonly RawReply[]): ServerStatistics {
  const statistics: ServerStatistics = { server }
  for (const { name, value } of statisticsOf(replies)) statistics[name] = value
  return statistics
}

/** `STAT <class>:<name> <value>`, and some without a class. */
export function slabStatistics(server: string, replies: readonly RawReply[]): ServerStatistics {
  return groupedStatistics(server, replies, /^([^:]+):?(.*)$/)
}

/** `STAT items:<class>:<name> <value>` */
export function itemStatistics(server: string, replies: readonly RawReply[]): ServerStatistics {
  return groupedStatistics(server, replies, /^items:([^:]+):(.*)$/)
}

function groupedStatistics(
  server: string,
  replies: readonly RawReply[],
  shape: RegExp,
): ServerStatistics {
  const statistics: ServerStatistics = { server }
  for (const { name, value } of statisticsOf(replies)) {
    const [, group = name, rest = ''] = shape.exec(name) ?? []
    // What has no class of its own (`active_slabs`) is filed under "undefined" there too.
    const member = rest === '' ? 'undefined' : rest
    statistics[group] = { ...(statistics[group] as Record<string, Statistic>), [member]: value }
  }
  return statistics
}

function* statisticsOf(
  replies: readonly RawReply[],
): Generator<{ name: string; value: Statistic }> {
  for (const { line } of replies) {
    const [word, name = '', value = ''] = line.split(' ')
    if (word === 'STAT') yield { name, value: /^\d+$/.test(value) ? Number(value) : value }
  }
}

/** `ITEM <key> [<bytes> b; <expiry> s]` */
export function cachedItems(replies: readonly RawReply[]): CachedItem[] {
  return replies.flatMap(({ line }) => {
    const [, key = '', bytes, expiry] = /^ITEM (\S+) \[(\d+) b; (\d+) s\]$/.exec(line) ?? []
    return key === '' ? [] : [{ key, b: Number(bytes), s: Number(expiry) }]
  })
}

/** What `version` tells of one server. */
export interface ServerVersion {
  readonly server: string
  readonly version: string
  readonly major: string
  readonly minor: string
  readonly bugfix: string
}

/** `1.6.18` in its parts. */
export function versionOf(server: string, version: string): ServerVersion {
  const [major = '0', minor = '0', bugfix = '0'] = version.split(/[.\-_ ]/)
  return { server, version, major, minor, bugfix }
}
