import type { ServerTime } from './clock.ts'
import type { EmbeddedItem } from './item.ts'
import type { FetchStatus, StoreLog } from './store.ts'

/** The log streams of memcached 1.6.18. This server never writes to the last four. */
export const WATCH_KINDS: ReadonlySet<string> = new Set([
  'fetchers',
  'mutations',
  'evictions',
  'connevents',
  'rawcmds',
  'sysevents',
  'proxyreqs',
  'proxyevents',
  'proxyuser',
])

/** The most connections that may use `watch` at a time, as in memcached. */
const MAX_WATCHERS = 20

interface Watcher {
  readonly kinds: ReadonlySet<string>
  readonly write: (line: string) => void
}

/**
 * Encodes a key as memcached does in logs and dumps: everything except letters, digits and `-._~`
 * becomes %XX.
 */
export function encodeKey(key: string): string {
  return key.replace(/[^A-Za-z0-9\-._~]/g, (char) => {
    return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
  })
}

/** The connections that used `watch`, and the log lines for them. Source: logger.c. */
export class Watchers implements StoreLog {
  readonly #time: ServerTime
  readonly #watchers = new Set<Watcher>()
  #lines = 0
  /** The connection whose command is being executed. */
  currentId = 0

  constructor(time: ServerTime) {
    this.#time = time
  }

  get active(): boolean {
    return this.#watchers.size > 0
  }

  get count(): number {
    return this.#watchers.size
  }

  get full(): boolean {
    return this.#watchers.size >= MAX_WATCHERS
  }

  /** Adds a watcher for log lines of these kinds. Returns a function that removes it. */
  add(kinds: ReadonlySet<string>, write: (line: string) => void): () => void {
    const watcher: Watcher = { kinds, write }
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  fetched(key: string, status: FetchStatus, item: EmbeddedItem | undefined): void {
    const classId = item?.classId ?? 0
    const size = item?.value.length ?? 0
    const where = `clsid=${classId} cfd=${this.currentId} size=${size}`
    this.#log('fetchers', `type=item_get key=${encodeKey(key)} status=${status} ${where}`)
  }

  evicted(item: EmbeddedItem, now: number): void {
    const ttl = item.exptime === 0 ? -1 : item.exptime - now
    const fetch = item.fetched ? 'yes' : 'no'
    const rest = `ttl=${ttl} la=${now - item.time} clsid=${item.classId} size=${item.value.length}`
    this.#log('evictions', `type=eviction key=${encodeKey(item.key)} fetch=${fetch} ${rest}`)
  }

  stored(verb: string, status: string, item: EmbeddedItem): void {
    const what = `key=${encodeKey(item.key)} status=${status.toLowerCase()} cmd=${verb}`
    const where = `ttl=${item.exptime} clsid=${item.classId} cfd=${this.currentId}`
    this.#log('mutations', `type=item_store ${what} ${where} size=${item.value.length}`)
  }

  connection(event: 'conn_new' | 'conn_close', id: number, address: string): void {
    const [host = '', port = '0'] = address.split(/:(?=\d+$)/)
    const reason = event === 'conn_close' ? ' reason=normal' : ''
    const who = `rip=${host} rport=${port} transport=tcp${reason} cfd=${id}`
    this.#log('connevents', `type=${event} ${who}`)
  }

  #log(kind: string, text: string): void {
    const ms = this.#time.nowMs()
    const micros = Math.floor((ms % 1000) * 1000)
    this.#lines++
    for (const watcher of this.#watchers) {
      if (!watcher.kinds.has(kind)) continue
      watcher.write(`ts=${Math.floor(ms / 1000)}.${micros} gid=${this.#lines} ${text}`)
    }
  }
}
