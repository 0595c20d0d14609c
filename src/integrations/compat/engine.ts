import type { EventEmitter } from 'node:events'
import type { KeyMapping } from '../../client/keys.ts'
import type { RawReply } from '../../client/verbs/raw.ts'
import { toWireKey } from '../../protocol/key.ts'
import { createRing, type Ring } from '../../ring/ring.ts'
import { setImmediate } from '../../runtime.ts'
import { NpmClient } from './client.ts'
import { HealthEvents } from './health.ts'
import { type KeyRules, shortened } from './query.ts'
import { behaviorsOf, type NamedServer, serversOf, withPort } from './settings.ts'

/** The properties of a Memcached that the engine reads on each use: callers may change them. */
export interface Face extends EventEmitter, KeyRules {
  failOverServers?: unknown
}

/** How many clients to keep for servers outside the list, such as an ElastiCache endpoint. */
const MAX_OTHERS = 16

/**
 * Owns the mintring client of a Memcached. After `end()`, the next command creates a new client,
 * just as `memcached` opens new connections.
 */
export class NpmEngine {
  /** The placement of keys while all servers are up. */
  readonly ring: Ring<NamedServer>
  private readonly face: Face
  private readonly behaviors: ReturnType<typeof behaviorsOf>
  private readonly health: HealthEvents
  private readonly removes: boolean
  private servers: NamedServer[]
  private current: NpmClient | undefined
  private readonly others = new Map<string, NpmClient>()

  constructor(face: Face, locations: unknown, config: object, options: object) {
    this.face = face
    this.behaviors = behaviorsOf(config, options)
    this.servers = serversOf(locations, this.behaviors.labelFormat === 'libmemcached')
    this.ring = createRing(this.servers, this.behaviors)
    this.health = new HealthEvents(face)
    this.removes = this.behaviors.autoEjectHosts === true
    this.current = this.newClient(this.servers)
  }

  /** The current client; a new one after `end()`, or after the client itself was closed. */
  get client(): NpmClient {
    if (this.current === undefined || this.current.cache.closed) {
      this.current = this.newClient(this.servers)
    }
    return this.current
  }

  /** Sends a raw command to a server, whether or not the server is in the list. */
  send(server: string, line: string, body: Buffer | undefined): Promise<RawReply[]> {
    const known = this.servers.find(({ name }) => withPort(name) === withPort(server))
    if (known !== undefined) return this.client.send(known.name, line, body)
    return this.otherFor(withPort(server)).send(withPort(server), line, body)
  }

  /** Emits `issue` for a failed command if the server caused the failure. */
  report(error: unknown): void {
    this.health.report(error)
  }

  /** Closes every connection once pending commands have finished. */
  end(): void {
    const clients = [this.current, ...this.others.values()]
    this.current = undefined
    this.others.clear()
    for (const client of clients) void client?.close()
  }

  private newClient(servers: readonly NamedServer[]): NpmClient {
    const { face } = this
    const client = new NpmClient(servers, this.behaviors, keysOf(face))
    this.health.follow(client, this.removes ? (server) => this.replace(server) : undefined)
    return client
  }

  /** Replaces a removed server by the next stand-by server, which takes over its keys. */
  private replace(server: string): void {
    const { failOverServers } = this.face
    const standBy = Array.isArray(failOverServers) ? failOverServers.shift() : undefined
    if (standBy === undefined) return
    const [next] = serversOf(String(standBy), true)
    this.servers = this.servers.map((one) =>
      one.name === server ? { ...one, ...next, name: one.name, weight: one.weight ?? 1 } : one,
    )
    // Deferred, because the client is still emitting the event about the removed server.
    setImmediate(() => this.current?.cache.setServers(this.servers))
  }

  private otherFor(server: string): NpmClient {
    const found = this.others.get(server)
    if (found !== undefined) return found
    const [oldest] = this.others.keys()
    if (oldest !== undefined && this.others.size >= MAX_OTHERS) {
      void this.others.get(oldest)?.close()
      this.others.delete(oldest)
    }
    const client = this.newClient(serversOf(server, true))
    this.others.set(server, client)
    return client
  }
}

/** Maps keys: the full key decides the server, and the shortened key is sent. */
export function keysOf(rules: KeyRules): KeyMapping {
  return { wireKey: (key) => toWireKey(shortened(key, rules)), routeKey: (key) => key }
}
