import { MintringError } from '../errors.ts'
import { isSince, META_SINCE } from '../protocol/meta-versions.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { type Abilities, isMemcachedVersion, type ProxyKind } from './abilities.ts'

/** The rows of `stats settings` that determine the abilities of a server. */
const SETTINGS: ReadonlySet<string> = new Set([
  'item_size_max',
  'cas_enabled',
  'idle_timeout',
  'proxy_enabled',
])

/** The credentials for `memcached -Y`. */
export interface Credentials {
  readonly username: string
  readonly password: string
}

/** The inputs of a handshake. */
export interface HandshakeInput {
  readonly host: string
  readonly credentials?: Credentials | undefined
  /**
   * Whether to probe for meta commands. `hangs up`: do not probe again, because the server closed
   * the connection, as twemproxy does for unknown commands. `never`: the user has configured that
   * there are none.
   */
  readonly metaProbe: MetaProbe
  /** The wire key of an item to read during the handshake. */
  readonly itemKey?: string | undefined
  /** The wire key of an item whose existence the handshake finds out. */
  readonly flagKey?: string | undefined
}

/** The item that a handshake read. */
export interface GreetingItem {
  readonly body: Buffer
  /** Seconds to live; -1 for no expiry, undefined if the server cannot report it. */
  readonly ttlSeconds: number | undefined
}

/** The items that a handshake looked for. */
export interface Greeting {
  readonly item: GreetingItem | undefined
  readonly isFlagged: boolean
}

export type MetaProbe = 'ask' | 'hangs up' | 'never'

type Step = 'version' | 'auth' | 'meta' | 'settings' | 'item'

/**
 * The first commands on a new connection: version, authentication, abilities. Credentials are sent
 * only to a server that asks for them: another server would store them as an item. No other command
 * is sent until the handshake ends, so a connection that is rejected late fails no command.
 */
export class Handshake implements Greeting {
  readonly #input: HandshakeInput
  #step: Step = 'version'
  #isUnanswered = false
  #isAuthenticated = false
  #version = ''
  #hasMeta = false
  /** Whether a proxy returned an error to `version`, because its server is down. */
  #isBehindProxy = false
  #settings = new Map<string, string>()
  #abilities: Abilities | undefined
  #item: GreetingItem | undefined
  /** The keys of the items that have no reply yet. */
  #asked: string[] = []
  #isFlagged = false

  constructor(input: HandshakeInput) {
    this.#input = input
  }

  /** Returns the first bytes to send. */
  start(): string {
    this.#isUnanswered = true
    return 'version\r\n'
  }

  /** The server's abilities; undefined until the handshake ends. */
  get abilities(): Abilities | undefined {
    return this.#abilities
  }

  /** The item that was read, if the server has it. */
  get item(): GreetingItem | undefined {
    return this.#item
  }

  /** Whether the server has the item `flagKey`. */
  get isFlagged(): boolean {
    return this.#isFlagged
  }

  /** Whether the version is known and the meta probe (`mn`) has no reply yet. */
  get isAskingMeta(): boolean {
    return this.#step === 'meta'
  }

  /**
   * Adds a hint to a connection that was lost before memcached replied: another server replied, or
   * one with binary SASL closed it at the first text line.
   */
  explain(error: MintringError): MintringError {
    const { credentials, host } = this.#input
    if (!this.#isUnanswered || error.message.includes(' answers in ')) return error
    if (error.code === 'MINTRING_PROTOCOL') {
      const what = `${host} does not reply like memcached. Is the port right? ${error.message}`
      return new MintringError('MINTRING_CONNECTION', what, { host, cause: error })
    }
    const login =
      'If it takes only binary SASL (memcached -S), mintring cannot log in: ' +
      'have it take ASCII authentication (memcached -Y)'
    const speech = 'Does it require TLS (memcacheds://), or is it not memcached?'
    const hint = credentials === undefined ? speech : login
    const message = `${host} closed the connection before it replied. ${hint}`
    return new MintringError('MINTRING_CONNECTION', message, { host, cause: error })
  }

  /** Takes a reply and returns the next bytes to send. Throws if the connection is unusable. */
  accept(reply: Reply): string {
    this.#isUnanswered = false
    if (this.#step === 'version') return this.#onVersion(reply)
    if (this.#step === 'auth') return this.#onAuth(reply)
    if (this.#step === 'meta') return this.#onMeta(reply)
    return this.#step === 'settings' ? this.#onSetting(reply) : this.#onItem(reply)
  }

  #onVersion(reply: Reply): string {
    if (reply.kind === ReplyKind.Version) {
      this.#version = reply.rest().trim()
      return this.#afterVersion()
    }
    const text = reply.text()
    if (/unauthenticated/.test(text)) return this.#authenticate()
    // Do not fail: a proxy forwards `version` to one of its servers, and the others may be up.
    this.#isBehindProxy = reply.kind === ReplyKind.ServerError
    if (this.#isBehindProxy) return this.#finish()
    // Continue after an error, but not after this one: memcached sends it when there are too many
    // connections.
    if (reply.kind === ReplyKind.Error && !/too many/i.test(text)) return this.#afterVersion()
    throw this.#error('MINTRING_CONNECTION', `answered ${quoted(text)}`)
  }

  #authenticate(): string {
    const { credentials } = this.#input
    if (credentials === undefined) {
      const where = 'in its address (memcached://USER:PASSWORD@host) or in the behaviors'
      throw this.#error('MINTRING_AUTH', `asks for a username and password: set them ${where}`)
    }
    if (this.#isAuthenticated)
      throw this.#error('MINTRING_AUTH', 'asks for the username and password again')
    this.#step = 'auth'
    const login = `${credentials.username} ${credentials.password}`
    const bytes = Buffer.from(login).toString('latin1')
    return `set mintring 0 0 ${bytes.length}\r\n${bytes}\r\n`
  }

  #onAuth(reply: Reply): string {
    if (reply.kind !== ReplyKind.Stored) {
      throw this.#error(
        'MINTRING_AUTH',
        'rejected the username and password: are they in its -Y file?',
      )
    }
    this.#isAuthenticated = true
    this.#step = 'version'
    return 'version\r\n'
  }

  #afterVersion(): string {
    const { metaProbe } = this.#input
    if (metaProbe === 'hangs up') return this.#finish()
    if (metaProbe === 'never') return this.#askItems()
    this.#step = 'meta'
    return 'mn\r\n'
  }

  #onMeta(reply: Reply): string {
    this.#hasMeta = reply.kind === ReplyKind.Mn
    return this.#askItems()
  }

  #askItems(): string {
    // Ask only memcached: other servers reply to `stats` in their own way, and proxies may wait.
    if (!isMemcachedVersion(this.#version)) return this.#finish()
    const { itemKey, flagKey } = this.#input
    this.#asked = [itemKey, flagKey].filter((key) => key !== undefined)
    this.#step = this.#hasMeta ? 'settings' : 'item'
    // One line per key, because twemproxy hangs up at a line of several if a server is down.
    const lineOf = (key: string): string =>
      this.#hasMeta ? `mg ${key} t v\r\n` : `gets ${key}\r\n`
    const lines = this.#asked.map(lineOf).join('')
    if (this.#hasMeta) return `stats settings\r\n${lines}`
    return lines === '' ? this.#finish() : lines
  }

  #onSetting(reply: Reply): string {
    if (reply.kind !== ReplyKind.Stat) {
      this.#step = 'item'
      return this.#asked.length === 0 ? this.#finish() : ''
    }
    const [name = '', value = ''] = reply.rest().split(' ')
    if (SETTINGS.has(name)) this.#settings.set(name, value)
    return ''
  }

  #onItem(reply: Reply): string {
    const { kind } = reply
    if (kind === ReplyKind.Va || kind === ReplyKind.Value) {
      const ttlSeconds = kind === ReplyKind.Va ? reply.ttl : undefined
      if (this.#asked[0] === this.#input.flagKey) this.#isFlagged = true
      else this.#item = { body: Buffer.from(reply.valueBuffer()), ttlSeconds }
    }
    // A VALUE reply is followed by an END line.
    if (kind !== ReplyKind.Value) this.#asked.shift()
    return this.#asked.length > 0 ? '' : this.#finish()
  }

  #finish(): string {
    const proxyKind = this.#proxyKind()
    const proxy = proxyKind !== undefined
    // A proxy reports its own limits, not those of the servers behind it.
    const itemSizeMax = proxy ? undefined : this.#settings.get('item_size_max')
    this.#abilities = Object.freeze({
      version: this.#version,
      meta: this.#hasMeta,
      cas: proxy || this.#settings.get('cas_enabled') !== 'no',
      itemSizeMax: itemSizeMax === undefined ? undefined : Number(itemSizeMax),
      idleTimeoutMs: 1000 * Number(this.#settings.get('idle_timeout') ?? 0),
      proxy,
      proxyKind,
      singleGets: proxy || this.#input.metaProbe === 'never',
      mayLock: this.#hasMeta || (!proxy && isSince(this.#version, META_SINCE)),
    })
    return ''
  }

  #proxyKind(): ProxyKind | undefined {
    if (this.#input.metaProbe === 'hangs up') return 'twemproxy'
    if (this.#settings.get('proxy_enabled') === 'yes') return 'memcached'
    const isOther = this.#isBehindProxy || !isMemcachedVersion(this.#version)
    return isOther ? 'other' : undefined
  }

  #error(code: 'MINTRING_AUTH' | 'MINTRING_CONNECTION', what: string): MintringError {
    const { host } = this.#input
    return new MintringError(code, `${host} ${what}`, { host })
  }
}

function quoted(text: string): string {
  return `'${text.slice(0, 80)}'`
}
