import type { HashName } from '../../ring/hashes/registry.ts'
import type { ServerObject } from '../../ring/server.ts'
import { didYouMean } from '../../ring/suggest.ts'
import type { BehaviorsInput } from '../behaviors.ts'
import { badBehavior } from '../check.ts'
import { refusal, type Token, type TokenKind, tokensOf } from './libmemcached-tokens.ts'
import {
  libmemcachedHash,
  libmemcachedPresets,
  NEXT_SECOND_MS,
  type TranslatedBehaviors,
  Translation,
  toMs,
  translatePlacement,
} from './translation.ts'

/** The longest namespace that libmemcached accepts. */
const MAX_NAMESPACE_BYTES = 127

const HASHES = ['MD5', 'CRC', 'FNV1_64', 'FNV1A_64', 'FNV1_32', 'FNV1A_32', 'MURMUR', 'JENKINS']

/** Options that have no equivalent, with the reason. */
const NOT_NEEDED: Readonly<Record<string, string>> = {
  'BINARY-PROTOCOL': 'mintring uses the text and meta protocols; the binary one is deprecated',
  'BUFFER-REQUESTS': 'not needed: all commands of an event loop turn are sent in one write',
  'FETCH-VERSION': 'not needed: every host is asked for its version on connecting',
  'IO-BYTES-WATERMARK': 'not needed: maxQueuedPerHost limits writes',
  'IO-KEY-PREFETCH': 'not needed: all gets of an event loop turn are sent together',
  'IO-MSG-WATERMARK': 'not needed: maxQueuedPerHost limits writes',
  NOREPLY: 'not supported: every write waits for its reply, to detect failures',
  'NUMBER-OF-REPLICAS': 'not supported: a key is on one host, or on its fallback host',
  'RANDOMIZE-REPLICA-READ': 'not supported: there are no replicas',
  'SOCKET-RECV-SIZE': 'not supported: the operating system sizes socket buffers',
  'SOCKET-SEND-SIZE': 'not supported: the operating system sizes socket buffers',
  'TCP-KEEPIDLE': 'cannot be converted: use tcpKeepAliveMs',
  'USE-UDP': 'not supported: mintring uses TCP',
  'USER-DATA': 'not supported: mintring has no use for it',
}

/** Options that change nothing, because mintring always does what they ask for. */
const ALWAYS: ReadonlySet<string> = new Set(['SUPPORT-CAS', 'VERIFY-KEY', 'TCP-KEEPALIVE'])

/** Parses the statements of one configuration string. */
class Reader {
  readonly #text: string
  readonly #tokens: readonly Token[]
  #next = 0
  #translation = new Translation('libmemcached')
  #distribution: 'modula' | 'unweighted' = 'modula'
  #hash: string | undefined
  // libmemcached computes the ring at each server or distribution, with the last hash before it.
  #pointHash: string | undefined
  // The ring is weighted if a `--SERVER` with a weight follows the last `--DISTRIBUTION`.
  #isWeighted = false

  /** The options whose argument is not just a number or a switch. */
  readonly #readers: Readonly<Record<string, () => void>> = {
    SERVER: () => this.#server(),
    SOCKET: () => this.#socket(),
    NAMESPACE: () => this.#namespace(),
    DISTRIBUTION: () => this.#readDistribution(),
    HASH: () => this.#readHash(),
    'CONFIGURE-FILE': () => this.#refuseFile('--CONFIGURE-FILE'),
    'REMOVE-FAILED-SERVERS': () => this.#removeFailedServers(),
    'SORT-HOSTS': () => this.#translation.set({ serverOrder: 'hostname' }),
    'RETRY-TIMEOUT': () => this.#retryTimeout(),
    'RCV-TIMEOUT': () => this.#socketTimeout('--RCV-TIMEOUT'),
    'SND-TIMEOUT': () => this.#socketTimeout('--SND-TIMEOUT'),
  }

  constructor(text: string) {
    this.#text = text
    this.#tokens = tokensOf(text)
  }

  read(): TranslatedBehaviors {
    do this.#statement()
    while (this.#skip('space'))
    const left = this.#tokens[this.#next]
    if (left !== undefined) throw this.#refuse(left)
    this.#translation.set(this.#placement())
    return this.#translation.finish()
  }

  #placement(): BehaviorsInput {
    const hash = hashOf(this.#hash)
    const placement = translatePlacement(libmemcachedPresets[this.#distribution])
    if (this.#distribution === 'modula') return { ...placement, hash }
    const pointHash = hashOf(this.#pointHash)
    return {
      ...placement,
      hash,
      weighted: this.#isWeighted,
      ...(pointHash === hash || this.#isWeighted ? {} : { pointHash }),
    }
  }

  #statement(): void {
    const token = this.#take()
    if (token.kind === 'comment') return
    if (token.kind === 'option') {
      this.#option(token)
      return
    }
    switch (token.kind === 'keyword' ? token.text.toUpperCase() : '') {
      case 'END':
      case 'DEBUG':
        return
      case 'RESET':
        this.#reset()
        return
      case 'INCLUDE':
        this.#refuseFile('INCLUDE')
    }
    throw this.#refuse(token)
  }

  #option(token: Token): void {
    const name = token.text.replace(/^--|=$/g, '').toUpperCase()
    const read = this.#readers[name]
    if (read !== undefined) {
      read()
      return
    }
    const argument = token.text.endsWith('=') ? this.#number() : true
    const why = NOT_NEEDED[name]
    if (why !== undefined) this.#translation.warn(`--${name}`, why)
    else if (argument === 0 && name.endsWith('-TIMEOUT')) {
      this.#translation.warn(`--${name}=0`, 'mintring always has a timeout: it keeps its default')
    } else if (!ALWAYS.has(name)) this.#translation.takeAlias(name, argument)
  }

  #server(): void {
    const token = this.#take()
    if (token.kind !== 'address' && token.kind !== 'word') throw this.#refuse(token)
    const port = this.#skip('port')
    const at = port === undefined ? {} : { port: Number(port.text.slice(1)) }
    this.#add({ host: token.text, ...at, weight: this.#weight() })
  }

  #socket(): void {
    const token = this.#tokens[this.#next]
    const path = this.#string()
    if (path === '') throw refusal(this.#text, token, 'a socket needs a path')
    this.#add({ path, weight: this.#weight() })
  }

  #add(server: ServerObject): void {
    this.#translation.servers.push(server)
    this.#pointHash = this.#hash
    if (server.weight !== 1) this.#isWeighted = true
  }

  #weight(): number {
    const token = this.#skip('weight')
    // libmemcached reads a weight of 0 as 1.
    return token === undefined ? 1 : Number(token.text.slice(2)) || 1
  }

  #namespace(): void {
    const token = this.#tokens[this.#next]
    const namespace = this.#string()
    if (this.#translation.settings.keyPrefix !== undefined) {
      throw refusal(this.#text, token, '--NAMESPACE can only be given once')
    }
    const fits = Buffer.byteLength(namespace) <= MAX_NAMESPACE_BYTES
    if (!fits || !/^[!-~]+$/.test(namespace)) {
      const why = `a namespace is 1 to ${MAX_NAMESPACE_BYTES} visible ASCII characters`
      throw refusal(this.#text, token, why)
    }
    this.#translation.set({ keyPrefix: namespace })
  }

  #readDistribution(): void {
    const word = this.#keyword(['CONSISTENT', 'MODULA', 'RANDOM'], 'a distribution')
    this.#distribution = word === 'MODULA' ? 'modula' : 'unweighted'
    this.#pointHash = this.#hash
    this.#isWeighted = false
    if (word === 'RANDOM') {
      const why = 'not supported: a value on a random host is never found; consistent is used'
      this.#translation.warn('--DISTRIBUTION=RANDOM', why)
    }
    if (this.#skip('comma') === undefined) return
    const hash = this.#keyword(HASHES, 'a hash')
    const why = 'has no effect in libmemcached, nor here: use --HASH'
    this.#translation.warn(`the ${hash} of --DISTRIBUTION`, why)
  }

  #readHash(): void {
    const token = this.#tokens[this.#next]
    const hash = this.#keyword(HASHES, 'a hash')
    if (this.#hash !== undefined) {
      throw refusal(this.#text, token, '--HASH can only be given once')
    }
    this.#hash = hash
  }

  #removeFailedServers(): void {
    const limit = this.#number()
    if (limit > 0) this.#translation.set({ autoEjectHosts: true, serverFailureLimit: limit })
    else this.#translation.set({ autoEjectHosts: false })
  }

  #retryTimeout(): void {
    const retryTimeoutMs = toMs(this.#number(), 's', '--RETRY-TIMEOUT')
    this.#translation.set({ retryTimeoutMs: retryTimeoutMs || NEXT_SECOND_MS })
  }

  #socketTimeout(name: string): void {
    const timeoutMs = toMs(this.#number(), 'us', name)
    const { settings } = this.#translation
    const why = 'one timeout covers connecting, writing and reading: requestTimeoutMs'
    this.#translation.warn(name, `${why} is raised to at least ${name}`)
    settings.requestTimeoutMs = Math.max(Number(settings.requestTimeoutMs ?? 0), timeoutMs)
  }

  #refuseFile(name: string): never {
    throw badBehavior(`libmemcached ${name}: read the file yourself and pass its text`)
  }

  #reset(): void {
    this.#translation = new Translation('libmemcached')
    this.#distribution = 'modula'
    this.#hash = undefined
    this.#pointHash = undefined
    this.#isWeighted = false
  }

  #number(): number {
    const token = this.#take()
    if (token.kind !== 'number') throw this.#refuse(token, 'a whole number is expected')
    return Number(token.text)
  }

  #string(): string {
    const token = this.#take()
    if (token.kind === 'word') return token.text
    if (token.kind === 'quoted') return token.text.replace(/^L?"/i, '').slice(0, -1)
    throw this.#refuse(token, 'a word or a string in double quotes is expected')
  }

  #keyword(known: readonly string[], what: string): string {
    const token = this.#take()
    const word = token.text.toUpperCase()
    if (token.kind === 'keyword' && known.includes(word)) return word
    throw this.#refuse(
      token,
      `${what} is expected (${known.join(', ')}).${didYouMean(word, known)}`,
    )
  }

  #take(): Token {
    const token = this.#tokens[this.#next++]
    if (token === undefined) throw this.#refuse(undefined, 'the text ends too early')
    return token
  }

  #skip(kind: TokenKind): Token | undefined {
    const token = this.#tokens[this.#next]
    if (token?.kind !== kind) return undefined
    this.#next++
    return token
  }

  #refuse(token: Token | undefined, why = whyNot(token)): Error {
    return refusal(this.#text, token, why)
  }
}

function hashOf(word: string | undefined): HashName {
  return libmemcachedHash((word ?? 'default').toLowerCase())
}

function whyNot(token: Token | undefined): string {
  if (token?.kind === 'unknown' && token.text.startsWith('--')) return 'there is no such option'
  if (token?.kind === 'space') return 'statements are separated by one blank'
  return 'libmemcached cannot parse this'
}

/**
 * Translates a libmemcached configuration string, such as `--SERVER=10.0.0.1:11211/?2
 * --DISTRIBUTION=consistent --HASH=MD5`. It accepts and refuses what libmemcached's own parser
 * does. Without --DISTRIBUTION the placement is libmemcached's default, modula.
 *
 * @throws MintringError MINTRING_BAD_BEHAVIOR that says where the string is wrong.
 */
export function fromLibmemcached(configuration: string): TranslatedBehaviors {
  if (typeof configuration !== 'string') {
    throw badBehavior("A libmemcached configuration is a string, such as '--SERVER=localhost'")
  }
  return new Reader(configuration).read()
}
