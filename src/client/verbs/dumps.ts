import { badArgument, insteadOf, type OptionNames } from '../../arguments.ts'
import { MAX_TIMER_MS } from '../../deadline.ts'
import type { Host } from '../../hosts/host.ts'
import type { CrawlRange, WatchTopic } from '../../protocol/admin.ts'
import { metadumpHead, mgdumpHead, watchHead } from '../../protocol/admin.ts'
import { clearInterval, setInterval } from '../../runtime.ts'
import { nameShown } from '../../secrets.ts'
import type { ClientCore } from '../core.ts'
import { checkOptions } from '../options.ts'
import { traceLines } from '../trace.ts'
import { hostNamed } from './hosts.ts'

/** The options of dumps. */
export interface DumpOptions {
  /** The host to dump, as `hosts()` names it. Default: all hosts, one after the other. */
  readonly host?: string | undefined
  /** The slab classes, `'all'` (the default), or `'hash'` to list the hash table instead. */
  readonly range?: CrawlRange | undefined
  /** Ends the dump and closes its connection. */
  readonly signal?: AbortSignal | undefined
}

type Abortable = Pick<DumpOptions, 'signal'>

/** The options of watch(). */
export interface WatchOptions {
  /** The host to watch; required when there are several. */
  readonly host?: string | undefined
  /** Stops watching and closes the connection. */
  readonly signal?: AbortSignal | undefined
}

/** An item in a server's dump. */
export interface DumpedItem {
  /** The item's host, as `hosts()` names it. */
  readonly host: string
  /** The wire key, including the prefix. */
  readonly key: string
  /** When the item expires, in Unix seconds; -1 for never. */
  readonly expiresAt: number
  /** When the item was last accessed, in Unix seconds. */
  readonly lastAccessAt: number
  /** The item's CAS id. */
  readonly cas: bigint
  /** Whether the item was read since it was stored. */
  readonly fetched: boolean
  /** The item's slab class. */
  readonly slabClass: number
  /** The item's size in bytes, including the server's overhead. */
  readonly size: number
}

/** A key in the output of `mgdump`. */
export interface DumpedKey {
  /** The key's host, as `hosts()` names it. */
  readonly host: string
  /** The wire key, including the prefix. */
  readonly key: string
}

/** An event that a server reported to watch(). */
export interface WatchEvent {
  /** The host that reported it, as `hosts()` names it. */
  readonly host: string
  /** The type, such as `item_get`, `item_store`, `eviction`, `conn_new`. */
  readonly type: string
  /** The time in Unix seconds. */
  readonly at: number
  /** All fields of the event, with the server's names and texts. */
  readonly fields: Readonly<Record<string, string>>
}

const DUMP_OPTIONS: OptionNames = new Set(['signal', 'host', 'range'])
const WATCH_OPTIONS: OptionNames = new Set(['signal', 'host'])

/** Lists the items of the hosts. May omit items that are stored or deleted during the dump. */
export async function* metadump(
  core: ClientCore,
  options: DumpOptions | undefined,
): AsyncGenerator<DumpedItem, void, undefined> {
  checkOptions('metadump', options, DUMP_OPTIONS)
  const head = metadumpHead(options?.range ?? 'all')
  for (const host of chosenHosts(core, options)) yield* itemsOf(core, host, head, options)
}

async function* itemsOf(
  core: ClientCore,
  host: Host,
  head: string,
  options: Abortable | undefined,
): AsyncGenerator<DumpedItem, void, undefined> {
  for await (const line of linesOf(core, 'metadump', host, head, options)) {
    yield dumpedItem(host, fieldsOf(line))
  }
}

/** Lists the keys of the hosts; cheaper than metadump(). Needs memcached 1.6.19. */
export async function* mgdump(
  core: ClientCore,
  options: DumpOptions | undefined,
): AsyncGenerator<DumpedKey, void, undefined> {
  checkOptions('mgdump', options, DUMP_OPTIONS)
  const head = mgdumpHead(options?.range ?? 'all')
  for (const host of chosenHosts(core, options)) yield* keysOf(core, host, head, options)
}

async function* keysOf(
  core: ClientCore,
  host: Host,
  head: string,
  options: Abortable | undefined,
): AsyncGenerator<DumpedKey, void, undefined> {
  for await (const line of linesOf(core, 'mgdump', host, head, options)) {
    const [, key = '', flag] = line.split(' ')
    const bytes = Buffer.from(key, flag === 'b' ? 'base64' : 'latin1')
    yield { host: host.name, key: bytes.toString('utf8') }
  }
}

/** Lists the keys of one host, which may have left the server list. */
export function dumpOf(
  core: ClientCore,
  host: Host,
  command: 'mgdump' | 'metadump',
  range: CrawlRange,
  signal: AbortSignal,
): AsyncGenerator<DumpedKey, void, undefined> {
  if (command === 'mgdump') return keysOf(core, host, mgdumpHead(range), { signal })
  return itemsOf(core, host, metadumpHead(range), { signal })
}

/** Streams the events of one host until the reader stops or the signal aborts. */
export async function* watch(
  core: ClientCore,
  topics: readonly WatchTopic[],
  options: WatchOptions | undefined,
): AsyncGenerator<WatchEvent, void, undefined> {
  checkOptions('watch', options, WATCH_OPTIONS)
  checkTopics(topics)
  const head = watchHead(topics)
  const hosts = chosenHosts(core, options)
  const [host] = hosts
  if (host === undefined || hosts.length > 1) {
    const names = hosts.slice(0, 3).map(({ name }) => `{ host: '${name}' }`)
    throw badArgument(`watch() follows one host: pass ${names.join(' or ')}`)
  }
  for await (const line of linesOf(core, 'watch', host, head, options)) {
    const fields = fieldsOf(line)
    yield { host: host.name, type: fields.type ?? '', at: Number(fields.ts), fields }
  }
}

const TOPICS: Readonly<Record<WatchTopic, true>> = {
  fetchers: true,
  mutations: true,
  evictions: true,
  connevents: true,
  proxyreqs: true,
  proxyevents: true,
  proxyuser: true,
  deletions: true,
}
const TOPIC_NAMES: OptionNames = new Set(Object.keys(TOPICS))

function checkTopics(topics: unknown): void {
  if (!Array.isArray(topics)) throw badArgument("watch() takes topics, such as ['evictions']")
  for (const topic of topics) {
    const text = String(topic)
    if (TOPIC_NAMES.has(text)) continue
    throw badArgument(`watch() has no topic '${nameShown(text)}'${insteadOf(text, TOPIC_NAMES)}`)
  }
}

function linesOf(
  core: ClientCore,
  command: string,
  host: Host,
  head: string,
  options: Abortable | undefined,
): AsyncIterable<string> {
  return traceLines(core, command, host, awake(host.lines(head, options?.signal)))
}

/**
 * Keeps the process alive while the next line is awaited, also with the behavior `unref`. Not
 * between lines: a reader that stops without return() must not keep the process alive for ever.
 */
async function* awake(
  lines: AsyncGenerator<string, void, undefined>,
): AsyncGenerator<string, void, undefined> {
  const timer = setInterval(() => {}, MAX_TIMER_MS)
  try {
    for (;;) {
      timer.ref()
      const { done, value } = await lines.next()
      timer.unref()
      if (done === true) return
      yield value
    }
  } finally {
    clearInterval(timer)
    await lines.return()
  }
}

function chosenHosts(
  core: ClientCore,
  options: { readonly host?: string | undefined } | undefined,
): readonly Host[] {
  return options?.host === undefined ? core.cluster.hosts : [hostNamed(core, options.host)]
}

/** Parses `name=value` pairs. The names come from the server, so the record has no prototype. */
function fieldsOf(line: string): Record<string, string> {
  const fields: Record<string, string> = Object.create(null)
  for (const part of line.split(' ')) {
    const equals = part.indexOf('=')
    if (equals > 0) fields[part.slice(0, equals)] = part.slice(equals + 1)
  }
  return fields
}

function dumpedItem(host: Host, fields: Readonly<Record<string, string>>): DumpedItem {
  return {
    host: host.name,
    key: decodeKey(fields.key ?? ''),
    expiresAt: Number(fields.exp),
    lastAccessAt: Number(fields.la),
    cas: BigInt(fields.cas ?? 0),
    fetched: fields.fetch === 'yes',
    slabClass: Number(fields.cls),
    size: Number(fields.size),
  }
}

/** Decodes a key; the server percent-encodes bytes that are not plain. */
function decodeKey(text: string): string {
  const bytes = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
