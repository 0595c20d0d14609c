import { badArgument, insteadOf, type OptionNames } from '../../arguments.ts'
import type { Host } from '../../hosts/host.ts'
import type { CrawlRange, WatchTopic } from '../../protocol/admin.ts'
import { metadumpHead, mgdumpHead, watchHead } from '../../protocol/admin.ts'
import { nameShown } from '../../secrets.ts'
import type { ClientCore } from '../core.ts'
import { checkOptions } from '../options.ts'
import { traceLines } from '../trace.ts'
import { hostNamed } from './hosts.ts'

/** What dumps take. */
export interface DumpOptions {
  /** One host, as `hosts()` names it; all of them, one after the other, by default. */
  readonly host?: string | undefined
  /** Slab classes, `'all'` (the default), or `'hash'` to walk the hash table instead. */
  readonly range?: CrawlRange | undefined
  /** Ends the dump and closes its connection. */
  readonly signal?: AbortSignal | undefined
}

type Abortable = Pick<DumpOptions, 'signal'>

/** What watch() takes. */
export interface WatchOptions {
  /** The host to watch; needed when there are several. */
  readonly host?: string | undefined
  /** Ends the watching and closes its connection. */
  readonly signal?: AbortSignal | undefined
}

/** An item as a server lists it. */
export interface DumpedItem {
  /** The host that has it, as `hosts()` names it. */
  readonly host: string
  /** The key on the wire, prefix included. */
  readonly key: string
  /** Unix time in seconds at which it expires; -1 for never. */
  readonly expiresAt: number
  /** Unix time in seconds of the last access. */
  readonly lastAccessAt: number
  /** The item's version. */
  readonly cas: bigint
  /** Whether it was read since it was stored. */
  readonly fetched: boolean
  /** The slab class it lies in. */
  readonly slabClass: number
  /** Bytes, the server's bookkeeping included. */
  readonly size: number
}

/** A key as `mgdump` lists it. */
export interface DumpedKey {
  /** The host that has it, as `hosts()` names it. */
  readonly host: string
  /** The key on the wire, prefix included. */
  readonly key: string
}

/** Something a server reported to watch(). */
export interface WatchEvent {
  /** The host that reported it, as `hosts()` names it. */
  readonly host: string
  /** Such as `item_get`, `item_store`, `eviction`, `conn_new`. */
  readonly type: string
  /** Unix time in seconds. */
  readonly at: number
  /** All of the event's fields, as the server named and wrote them. */
  readonly fields: Readonly<Record<string, string>>
}

const DUMP_OPTIONS: OptionNames = new Set(['signal', 'host', 'range'])
const WATCH_OPTIONS: OptionNames = new Set(['signal', 'host'])

/** Lists the items of the hosts. Items that come and go meanwhile may be missing. */
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

/** Lists the keys of the hosts; cheaper than metadump(). Since memcached 1.6.19. */
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

/** The keys of one host, which need not be on the list of servers any more. */
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

/** Follows what one host reports, until the reader stops or the signal fires. */
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
    throw badArgument(`watch() follows one host: write ${names.join(' or ')}`)
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
  return traceLines(core, command, host, host.lines(head, options?.signal))
}

function chosenHosts(
  core: ClientCore,
  options: { readonly host?: string | undefined } | undefined,
): readonly Host[] {
  return options?.host === undefined ? core.cluster.hosts : [hostNamed(core, options.host)]
}

/** `name=value` pairs. The names are the server's, so the record has no prototype. */
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

/** The server percent-encodes the bytes of a key that are not plain. */
function decodeKey(text: string): string {
  const bytes = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
