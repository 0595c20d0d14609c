import { once } from 'node:events'
import { connect } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { MemcachedClient } from '../../src/client/client.ts'
import type { ClientCore } from '../../src/client/core.ts'
import type { Memcached } from '../support/memcached.ts'

/** What happens to a key or to the servers. */
interface Entry {
  readonly startMs: number
  endMs: number | undefined
  what: string
}

/** How many of the last calls of each key are kept. */
const KEPT = 400

/** Records the calls of a fleet by key, and the events of its servers. */
export class History {
  readonly #byKey = new Map<string, Entry[]>()
  readonly #events: Entry[] = []
  readonly #names = new Map<MemcachedClient, string>()

  event(what: string): void {
    const atMs = performance.now()
    this.#events.push({ startMs: atMs, endMs: atMs, what })
  }

  get lastEvents(): string {
    return this.#events
      .slice(-4)
      .map(({ what }) => what)
      .join(', ')
  }

  /** Records a call. Returns a function that records its result. */
  begin(key: string, client: MemcachedClient): (result: string) => void {
    const what = this.#stateOf(client)
    const entry: Entry = { startMs: performance.now(), endMs: undefined, what }
    const all = this.#byKey.get(key) ?? []
    this.#byKey.set(key, all)
    all.push(entry)
    if (all.length > KEPT) all.shift()
    return (result) => {
      entry.endMs = performance.now()
      entry.what += ` ${result}, ${this.#stateOf(client)}`
    }
  }

  /** The calls of a key and all events meanwhile, oldest first. */
  linesOf(key: string): readonly string[] {
    const calls = this.#byKey.get(key) ?? []
    return [...calls, ...this.#events]
      .sort((one, other) => one.startMs - other.startMs)
      .map(({ startMs, endMs, what }) => {
        return `${startMs.toFixed(1)} to ${endMs?.toFixed(1) ?? 'now'}: ${what}`
      })
  }

  /** Where a client reads a key, and in which phase. */
  viewOf(client: MemcachedClient, key: string): string {
    const { cluster } = Reflect.get(client, '_core') as ClientCore
    const { handover } = cluster
    const previous = handover?.previousHomeOf(key)
    const phase = previous && handover?.phaseFor(key, previous)
    const from = handover?.snapshot?.fromServers.join(' ')
    const where = `${cluster.homeOf(key).name}, before ${previous?.name} (${previous?.state})`
    return `${this.#stateOf(client)}: ${where}, ${phase}, from ${from}`
  }

  #stateOf(client: MemcachedClient): string {
    const name = this.#names.get(client) ?? `client ${this.#names.size}`
    this.#names.set(client, name)
    const { handover } = client
    const left = handover && `${handover.phase} ${handover.endsAtMs - Date.now()} ms`
    return `${name} (${left ?? 'no handover'}, ${client.hosts().length} hosts)`
  }
}

/** Returns the item of a key on a server, as the server sends it. */
export async function itemOn({ host, port }: Memcached, key: string): Promise<string> {
  const socket = connect(port, host)
  let text = ''
  socket.on('error', (error) => {
    text = error.message
  })
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.write(`mg ${key} s v t f c l k\r\nquit\r\n`)
  await once(socket, 'close')
  return `${host}:${port} ${text.trim().replaceAll('\r\n', ' ')}`
}
