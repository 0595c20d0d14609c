import { MintringError } from '../errors.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { type Abilities, isMemcachedVersion, type ProxyKind } from './abilities.ts'

/** The rows of `stats settings` that tell what a server can do. */
const SETTINGS: ReadonlySet<string> = new Set([
  'item_size_max',
  'cas_enabled',
  'idle_timeout',
  'proxy_enabled',
])

/** Who to be, for `memcached -Y`. */
export interface Credentials {
  readonly username: string
  readonly password: string
}

/** What a handshake starts from. */
export interface HandshakeInput {
  readonly host: string
  readonly credentials?: Credentials | undefined
  /**
   * Whether to ask for meta commands. `hangs up`: not again, because the server closed the
   * connection when it was asked, as twemproxy does at commands it does not know. `never`: the
   * user says that there are none, which is what users of proxies say.
   */
  readonly metaProbe: MetaProbe
  /** An item that memcached is asked for, as wire key. */
  readonly itemKey?: string | undefined
}

/** The item that a handshake asked for. */
export interface GreetingItem {
  readonly body: Buffer
  /** Seconds to live; -1 for no end, undefined where no server tells. */
  readonly ttlSeconds: number | undefined
}

export type MetaProbe = 'ask' | 'hangs up' | 'never'

type Step = 'version' | 'auth' | 'meta' | 'settings' | 'item'

/**
 * The first words on a new connection: who are you, here I am, what can you do. Credentials are
 * told only to a server that asks for them: one that does not would store them as an item.
 * No command of a user's leaves before it is over, so a connection refused late fails none.
 */
export class Handshake {
  readonly #input: HandshakeInput
  #step: Step = 'version'
  #isUnanswered = false
  #isAuthenticated = false
  #version = ''
  #hasMeta = false
  /** The answer to `version` was the error of a proxy whose server is dead. */
  #isBehindProxy = false
  #settings = new Map<string, string>()
  #abilities: Abilities | undefined
  #item: GreetingItem | undefined

  constructor(input: HandshakeInput) {
    this.#input = input
  }

  /** The bytes to begin with. */
  start(): string {
    this.#isUnanswered = true
    return 'version\r\n'
  }

  /** Known once the handshake is over. */
  get abilities(): Abilities | undefined {
    return this.#abilities
  }

  /** The item that was asked for, if the server has it. */
  get item(): GreetingItem | undefined {
    return this.#item
  }

  /** The server told its version and the question that was open is whether it knows `mn`. */
  get isAskingMeta(): boolean {
    return this.#step === 'meta'
  }

  /** Why the connection ended: who only takes binary SASL hangs up on the first line of text. */
  explain(error: MintringError): MintringError {
    const { credentials, host } = this.#input
    if (!this.#isUnanswered || error.message.includes('answers in TLS')) return error
    const login =
      'If it takes only binary SASL (memcached -S), mintring cannot log in: ' +
      'have it take ASCII authentication (memcached -Y)'
    const speech = 'Does it want TLS (memcacheds://), or is it no memcached?'
    const hint = credentials === undefined ? speech : login
    const message = `${host} hung up before it answered. ${hint}`
    return new MintringError('MINTRING_CONNECTION', message, { host, cause: error })
  }

  /** Takes the next reply and answers what to write next. Throws when this connection cannot be. */
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
    // Proxies pass `version` on to a server of theirs, and others of them may be alive.
    this.#isBehindProxy = reply.kind === ReplyKind.ServerError
    if (this.#isBehindProxy) return this.#finish()
    // memcached says this to one connection too many, before it was asked anything.
    if (reply.kind === ReplyKind.Error && !/too many/i.test(text)) return this.#afterVersion()
    throw this.#error('MINTRING_CONNECTION', `answered ${quoted(text)}`)
  }

  #authenticate(): string {
    const { credentials } = this.#input
    if (credentials === undefined) {
      throw this.#error('MINTRING_AUTH', 'asks for a username and password')
    }
    if (this.#isAuthenticated) throw this.#error('MINTRING_AUTH', 'forgets who we are')
    this.#step = 'auth'
    const login = `${credentials.username} ${credentials.password}`
    const bytes = Buffer.from(login).toString('latin1')
    return `set mintring 0 0 ${bytes.length}\r\n${bytes}\r\n`
  }

  #onAuth(reply: Reply): string {
    if (reply.kind !== ReplyKind.Stored) {
      throw this.#error('MINTRING_AUTH', 'refused the username and password')
    }
    this.#isAuthenticated = true
    this.#step = 'version'
    return 'version\r\n'
  }

  #afterVersion(): string {
    if (this.#input.metaProbe !== 'ask') return this.#finish()
    this.#step = 'meta'
    return 'mn\r\n'
  }

  #onMeta(reply: Reply): string {
    this.#hasMeta = reply.kind === ReplyKind.Mn
    // Other programs than memcached answer `stats` each in its own way.
    if (!isMemcachedVersion(this.#version)) return this.#finish()
    this.#step = this.#hasMeta ? 'settings' : 'item'
    const item = this.#itemCommand()
    if (this.#hasMeta) return `stats settings\r\n${item}`
    return item === '' ? this.#finish() : item
  }

  #onSetting(reply: Reply): string {
    if (reply.kind !== ReplyKind.Stat) {
      this.#step = 'item'
      return this.#itemCommand() === '' ? this.#finish() : ''
    }
    const [name = '', value = ''] = reply.rest().split(' ')
    if (SETTINGS.has(name)) this.#settings.set(name, value)
    return ''
  }

  #itemCommand(): string {
    const { itemKey } = this.#input
    if (itemKey === undefined) return ''
    return this.#hasMeta ? `mg ${itemKey} t v\r\n` : `gets ${itemKey}\r\n`
  }

  #onItem(reply: Reply): string {
    const { kind } = reply
    if (kind === ReplyKind.Va || kind === ReplyKind.Value) {
      const ttlSeconds = kind === ReplyKind.Va ? reply.ttl : undefined
      this.#item = { body: Buffer.from(reply.valueBuffer()), ttlSeconds }
    }
    // END follows.
    return kind === ReplyKind.Value ? '' : this.#finish()
  }

  #finish(): string {
    const proxyKind = this.#proxyKind()
    const proxy = proxyKind !== undefined
    // What a proxy says of its own memory is not true of the servers behind it.
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
