import { connect, isIP, type NetConnectOpts, type Socket } from 'node:net'
import process from 'node:process'
import type { ConnectionOptions } from 'node:tls'
import { builtin, clearTimeout, performance, setTimeout } from '../runtime.ts'
import { CLOSED_WHILE_CONNECTING, dialFailure } from './dial-failure.ts'
import { tlsOptions } from './tls-options.ts'

/** The address of a host. */
export interface DialTarget {
  /** The host name or IP address. */
  readonly host: string
  /** An address to try before the name is looked up. */
  readonly ip?: string | undefined
  readonly port: number
  /** The path of a Unix socket, instead of host and port. */
  readonly path?: string | undefined
  /**
   * TLS: `true`, or options of `tls.connect`. Certificates are verified unless the options say
   * otherwise. Undefined: use the settings.
   */
  readonly tls?: boolean | ConnectionOptions | undefined
  /** The host's name in errors. */
  readonly name: string
}

/** The settings of connections. */
export interface DialSettings {
  readonly tcpNoDelay: boolean
  /** The keepalive delay; 0 disables keepalive. */
  readonly tcpKeepAliveMs: number
  /** The TLS setting of targets without one. */
  readonly tls: boolean | ConnectionOptions
  /** Whether open connections let the process exit. */
  readonly unref: boolean
}

/** An address of a name. */
export interface ResolvedAddress {
  readonly address: string
}

/** Resolves a host name to its addresses, like `dns.lookup` with `all: true`. */
export type Resolve = (host: string) => Promise<readonly ResolvedAddress[]>

/** Receives the bytes of a connection. The chunk is reused, so read it before returning. */
export type OnBytes = (chunk: Buffer) => void

const READ_BUFFER_BYTES = 256 * 1024
/** Whether a read buffer can be reused; Cloudflare's workerd detaches it after the first read. */
const KEEPS_BUFFERS =
  (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent !==
  'Cloudflare-Workers'
/** The minimum time for a try of one address. It leaves time for the next address of the name. */
const MIN_ADDRESS_MS = 20

let sharedReadBuffer: Buffer | undefined

/**
 * Returns the read buffer. Reads are synchronous, so one buffer serves all connections of the
 * process. On Windows each connection has its own, because the kernel fills several buffers
 * concurrently.
 */
function readBuffer(): Buffer {
  if (process.platform === 'win32') return Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)
  sharedReadBuffer ??= Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)
  return sharedReadBuffer
}

/**
 * Opens connections to one host. Resolves the name for each connection, with one pending lookup at
 * a time. All connections use the same address as long as the name has it and it is reachable: two
 * servers behind one name would otherwise both act as this host.
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

  /** The address of the connections; undefined before the first. */
  get address(): string | undefined {
    return this.#address
  }

  /**
   * Resolves to a connection that is ready for writing: for TLS, after the handshake and the check
   * of the certificate. Rejects with MINTRING_CONNECTION; `signal` and `timeoutMs` limit the whole
   * dial. While other connections are open (`isBound`) it only uses their address.
   */
  async dial(
    settings: DialSettings,
    onBytes: OnBytes,
    signal: AbortSignal,
    timeoutMs: number,
    isBound = false,
  ): Promise<Socket> {
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

  /** Puts the address in use first, if the name still has it. */
  #inOrder(found: readonly string[], isBound: boolean): readonly string[] {
    const inUse = this.#address
    if (inUse === undefined || !found.includes(inUse)) return found
    return isBound ? [inUse] : [inUse, ...found.filter((address) => address !== inUse)]
  }

  /**
   * Connects to the target's `ip`. Resolves to undefined if there is none, or if it does not reply
   * and the name has other addresses: the node may have moved.
   */
  async #known(
    settings: DialSettings,
    onBytes: OnBytes,
    signal: AbortSignal,
    shareMs: number,
  ): Promise<Socket | undefined> {
    const { host, ip, path } = this.#target
    if (ip === undefined || path !== undefined) return undefined
    const attempt = this.#connect(ip, settings, onBytes, signal, shareMs)
    if (isIP(host) !== 0) return attempt
    return attempt.catch(async (error: unknown) => {
      const addresses = await this.#addresses().catch(() => [])
      if (addresses.every((address) => address === ip)) throw error
      return undefined
    })
  }

  async #addresses(): Promise<readonly string[]> {
    const { host, path } = this.#target
    if (path !== undefined) return [path]
    if (isIP(host) !== 0) return [host]
    this.#pendingLookup ??= this.#resolve(host).finally(() => {
      this.#pendingLookup = undefined
    })
    const found = await this.#pendingLookup
    return found.map(({ address }) => address)
  }

  /** Connects to one address within `shareMs`; 0: only the signal limits the time. */
  #connect(
    address: string,
    settings: DialSettings,
    onBytes: OnBytes,
    signal: AbortSignal,
    shareMs: number,
  ): Promise<Socket> {
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

  #open(address: string, onBytes: OnBytes, usualTls: DialSettings['tls']): Socket {
    const { port, path, tls: secure = usualTls } = this.#target
    const place = path === undefined ? { host: address, port } : { path }
    if (secure === false && KEEPS_BUFFERS) {
      const onread = { buffer: readBuffer(), callback: readInto(onBytes) }
      return connect({ ...place, onread })
    }
    const socket = secure === false ? connect(place) : this.#openSecure(place, secure)
    socket.on('data', onBytes)
    return socket
  }

  #openSecure(place: NetConnectOpts, secure: true | ConnectionOptions): Socket {
    const { host, path } = this.#target
    const options = secure === true ? {} : tlsOptions(secure)
    // Certificates are issued for host names, so check against the requested name, not its address.
    const named = path === undefined && isIP(host) === 0 ? { servername: host } : {}
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
