import { MintringError } from '../errors.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { type Abilities, isMemcachedVersion } from './abilities.ts'

/** Who to be, for `memcached -Y`. */
export interface Credentials {
  readonly username: string
  readonly password: string
}

/** What a handshake starts from. */
export interface HandshakeInput {
  readonly host: string
  readonly credentials?: Credentials | undefined
  /** What this host could do last time: asked again only when its version changed. */
  readonly known?: Abilities | undefined
  /** False after a server hung up on `mn`, as twemproxy does on commands it does not know. */
  readonly probeMeta: boolean
}

type Step = 'version' | 'auth' | 'meta' | 'settings'

/**
 * The first words on a new connection: who are you, here I am, what can you do. Credentials are
 * told only to a server that asks for them: one that does not would store them as an item.
 * No command of a user's leaves before it is over, so a connection refused late costs nobody.
 */
export class Handshake {
  readonly #input: HandshakeInput
  #step: Step = 'version'
  #isUnanswered = false
  #isAuthenticated = false
  #version = ''
  #settings = new Map<string, string>()
  #abilities: Abilities | undefined

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

  /** The server told its version and the question that was open is whether it knows `mn`. */
  get isAskingMeta(): boolean {
    return this.#step === 'meta'
  }

  /** Why the connection ended: who only takes binary SASL hangs up on the first line of text. */
  explain(error: MintringError): MintringError {
    const { credentials, host } = this.#input
    if (credentials === undefined || !this.#isUnanswered) return error
    const message =
      `${host} hung up before it answered. If it takes only binary SASL (memcached -S), ` +
      'mintring cannot log in: have it take ASCII authentication (memcached -Y)'
    return new MintringError('MINTRING_CONNECTION', message, { host, cause: error })
  }

  /** Takes the next reply and answers what to write next. Throws when this connection cannot be. */
  accept(reply: Reply): string {
    this.#isUnanswered = false
    if (this.#step === 'version') return this.#onVersion(reply)
    if (this.#step === 'auth') return this.#onAuth(reply)
    if (this.#step === 'meta') return this.#onMeta(reply)
    return this.#onSetting(reply)
  }

  #onVersion(reply: Reply): string {
    if (reply.kind === ReplyKind.Version) {
      this.#version = reply.rest().trim()
      return this.#afterVersion()
    }
    const text = reply.text()
    if (/unauthenticated/.test(text)) return this.#authenticate()
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
    const { known, probeMeta } = this.#input
    if (known !== undefined && known.version === this.#version && known.meta === probeMeta) {
      this.#abilities = known
      return ''
    }
    if (!probeMeta) return this.#finish(false)
    this.#step = 'meta'
    return 'mn\r\n'
  }

  #onMeta(reply: Reply): string {
    if (reply.kind !== ReplyKind.Mn) return this.#finish(false)
    // Proxies answer `stats` for themselves, each in its own way.
    if (!isMemcachedVersion(this.#version)) return this.#finish(true)
    this.#step = 'settings'
    return 'stats settings\r\n'
  }

  #onSetting(reply: Reply): string {
    if (reply.kind !== ReplyKind.Stat) return this.#finish(true)
    const [name = '', value = ''] = reply.rest().split(' ')
    if (name === 'item_size_max' || name === 'cas_enabled') this.#settings.set(name, value)
    return ''
  }

  #finish(meta: boolean): string {
    const itemSizeMax = this.#settings.get('item_size_max')
    this.#abilities = Object.freeze({
      version: this.#version,
      meta,
      cas: this.#settings.get('cas_enabled') !== 'no',
      itemSizeMax: itemSizeMax === undefined ? undefined : Number(itemSizeMax),
      proxy: !isMemcachedVersion(this.#version),
    })
    return ''
  }

  #error(code: 'MINTRING_AUTH' | 'MINTRING_CONNECTION', what: string): MintringError {
    const { host } = this.#input
    return new MintringError(code, `${host} ${what}`, { host })
  }
}

function quoted(text: string): string {
  return `'${text.slice(0, 80)}'`
}
