import net from 'node:net'
import process from 'node:process'
import type { ConnectionOptions } from 'node:tls'
import { builtin, clearTimeout, performance, setTimeout } from '../runtime.ts'
import { CLOSED_WHILE_CONNECTING, dialFailure } from './dial-failure.ts'

/** Where to dial. */
export interface DialTarget {
  /** Host name or IP address. */
  readonly host: string
  /** The address to dial instead of looking the name up, where another lane has resolved it. */
  readonly ip?: string | undefined
  readonly port: number
  /** Path of a Unix socket, instead of host and port. */
  readonly path?: string | undefined
  /**
   * TLS: `true`, or options of `tls.connect`. Certificates are verified unless these say otherwise.
   * Undefined: as the settings say.
   */
  readonly tls?: boolean | ConnectionOptions | undefined
  /** For errors. */
  readonly name: string
}

/** How connections are made. */
export interface DialSettings {
  readonly tcpNoDelay: boolean
  /** 0: no keepalive. */
  readonly tcpKeepAliveMs: number
  /** For targets that say nothing of TLS. */
  readonly tls: boolean | ConnectionOptions
  /** Connections let the process end. */
  readonly unref: boolean
}

/** One address a name stands for. */
export interface ResolvedAddress {
  readonly address: string
}

/** Finds the addresses of a host name, as `dns.lookup` with `all: true` does. */
export type Resolve = (host: string) => Promise<readonly ResolvedAddress[]>

/** Takes the bytes of a connection. The chunk is reused: read it before returning. */
export type OnBytes = (chunk: Buffer) => void

const READ_BUFFER_BYTES = 256 * 1024
/** Cloudflare's workerd takes a buffer away from the first read into it. */
const KEEPS_BUFFERS =
  (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent !==
  'Cloudflare-Workers'
/** An address that does not answer must leave time for the next one. */
const MIN_ADDRESS_MS = 20

let sharedReadBuffer: Buffer | undefined

/**
 * Reads are synchronous, so that one buffer serves all connections of the process. Not on Windows,
 * where the kernel fills a buffer while others are being read.
 */
function readBuffer(): Buffer {
  if (process.platform === 'win32') return Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)
  sharedReadBuffer ??= Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)
  return sharedReadBuffer
}

/**
 * Makes connections to one host. The name is resolved anew for each, and a slow resolver is asked
 * once at a time. All connections go to one address, for as long as the name has it and it can be
 * reached: two servers of one name would answer for one host in turns.
 */
export class Dialer {
  readonly #target: DialTarget
  readonly #resolve: Resolve
  #pendingLookup: Promise<readonly ResolvedAddress[]> | undefined
  #address: string | undefined

  constructor(target: DialTarget, resolve: Resolve = resolveByDns) {
    this.#target = target
    this.#resolve = resolve
  }

  /** The address that connections go to; undefined until there was one. */
  get address(): string | undefined {
    return this.#address
  }

  /**
   * A connection that is ready to be written to: for TLS, after the handshake and the check of the
   * certificate. Rejects with MINTRING_CONNECTION; `signal` and `timeoutMs` bound all of it. While
   * other connections are open (`isBound`) it does not leave their address.
   */
  async dial(
    settings: DialSettings,
    onBytes: OnBytes,
    signal: AbortSignal,
    timeoutMs: number,
    isBound = false,
  ): Promise<net.Socket> {
    const endMs = performance.now() + timeoutMs
    try {
      const known = await this.#known(settings, onBytes, signal, timeoutMs / 2)
      if (known !== undefined) return known
      const addresses = this.#inOrder(await this.#addresses(), isBound)
      for (const [index, address] of addresses.entries()) {
        signal.throwIfAborted()
        const leftMs = endMs - performance.now()
        const shareMs = Math.max(MIN_ADDRESS_MS, leftMs / (addresses.length - index))
        const isLast = index === addresses.length - 1
        const attempt = this.#connect(address, settings, onBytes, signal, isLast ? 0 : shareMs)
        const socket = isLast ? await attempt : await attempt.catch(() => undefined)
        if (socket === undefined) continue
        this.#address = address
        return socket
      }
      throw new Error('the name has no address')
    } catch (cause) {
      const secure = this.#target.tls ?? settings.tls
      throw dialFailure(this.#target.name, Boolean(secure), cause)
    }
  }

  /** The address in use first, as long as the name has it. */
  #inOrder(found: readonly string[], isBound: boolean): readonly string[] {
    const inUse = this.#address
    if (inUse === undefined || !found.includes(inUse)) return found
    return isBound ? [inUse] : [inUse, ...found.filter((address) => address !== inUse)]
  }

  /**
   * A connection to the address another lane resolved. Undefined when there is none, or nothing
   * answers there: a node may have moved since, and its name knows where.
   */
  async #known(
    settings: DialSettings,
    onBytes: OnBytes,
    signal: AbortSignal,
    shareMs: number,
  ): Promise<net.Socket | undefined> {
    const { host, ip, path } = this.#target
    if (ip === undefined || path !== undefined) return undefined
    const attempt = this.#connect(ip, settings, onBytes, signal, shareMs)
    if (net.isIP(host) !== 0) return attempt
    return attempt.catch(async (error: unknown) => {
      const addresses = await this.#addresses().catch(() => [])
      if (addresses.every((address) => address === ip)) throw error
      return undefined
    })
  }

  async #addresses(): Promise<readonly string[]> {
    const { host, path } = this.#target
    if (path !== undefined) return [path]
    if (net.isIP(host) !== 0) return [host]
    this.#pendingLookup ??= this.#resolve(host).finally(() => {
      this.#pendingLookup = undefined
    })
    const found = await this.#pendingLookup
    return found.map(({ address }) => address)
  }

  /** `shareMs` 0: as long as the signal allows. */
  #connect(
    address: string,
    settings: DialSettings,
    onBytes: OnBytes,
    signal: AbortSignal,
    shareMs: number,
  ): Promise<net.Socket> {
    return new Promise((resolve, reject) => {
      const socket = this.#open(address, onBytes, settings.tls)
      const timer = shareMs > 0 ? setTimeout(fail, shareMs, new Error('timed out')) : undefined
      function end(): void {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        socket.off('error', fail)
        socket.off('close', onClose)
      }
      function fail(error: unknown): void {
        end()
        // A destroyed socket may still emit 'error', which would throw without a listener.
        socket.on('error', () => undefined)
        socket.destroy()
        reject(error)
      }
      function onAbort(): void {
        fail(signal.reason)
      }
      function onClose(): void {
        fail(new Error(CLOSED_WHILE_CONNECTING))
      }
      signal.addEventListener('abort', onAbort)
      socket.once('error', fail)
      socket.once('close', onClose)
      socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => {
        end()
        if (settings.unref) socket.unref()
        if (settings.tcpNoDelay) socket.setNoDelay(true)
        if (settings.tcpKeepAliveMs > 0) socket.setKeepAlive(true, settings.tcpKeepAliveMs)
        resolve(socket)
      })
    })
  }

  #open(address: string, onBytes: OnBytes, usualTls: DialSettings['tls']): net.Socket {
    const { port, path, tls: secure = usualTls } = this.#target
    const place = path === undefined ? { host: address, port } : { path }
    if (secure === false && KEEPS_BUFFERS) {
      const onread = { buffer: readBuffer(), callback: readInto(onBytes) }
      return net.connect({ ...place, onread })
    }
    const socket = secure === false ? net.connect(place) : this.#openSecure(place, secure)
    socket.on('data', onBytes)
    return socket
  }

  #openSecure(place: net.NetConnectOpts, secure: true | ConnectionOptions): net.Socket {
    const { host, path } = this.#target
    const options = secure === true ? {} : secure
    // A certificate is for the name that was asked for, not for the address it resolved to.
    const named = path === undefined && net.isIP(host) === 0 ? { servername: host } : {}
    return builtin('node:tls').connect({ ...place, ...named, ...options })
  }
}

function readInto(onBytes: OnBytes): (length: number, buffer: Uint8Array) => boolean {
  return (length, buffer) => {
    onBytes((buffer as Buffer).subarray(0, length))
    return true
  }
}

function resolveByDns(host: string): Promise<readonly ResolvedAddress[]> {
  return new Promise((resolve, reject) => {
    builtin('node:dns').lookup(host, { all: true, verbatim: true }, (error, addresses) => {
      if (error) reject(error)
      else resolve(addresses)
    })
  })
}
