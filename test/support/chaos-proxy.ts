import { once } from 'node:events'
import net from 'node:net'

/**
 * What the proxy does to a chunk of a server's reply. `delay`: it arrives that much later. `drip`:
 * it arrives byte by byte. `chunk`: it arrives in pieces of 1 to 40 bytes. `stall`: it is delayed
 * by `stallMs`. `cut`: half of it arrives, then the connection ends or is reset.
 */
export interface Chaos {
  readonly delayMs?: number
  /** The time between two bytes, in milliseconds. */
  readonly dripMs?: number
  readonly chunk?: boolean
  /** The share of chunks that are delayed by `stallMs`, from 0 to 1. */
  readonly stallShare?: number
  readonly stallMs?: number
  readonly cutShare?: number
}

/** A TCP proxy that disturbs replies, in the same way for the same seed. Order is kept. */
export interface ChaosProxy {
  readonly port: number
  /** Connections accepted so far. */
  readonly accepted: number
  /** The number of open connections. */
  readonly open: number
  /** What the proxy does to replies. Assign another value to change that. */
  chaos: Chaos
  /** Drops every connection with a reset. */
  resetAll(): void
  close(): Promise<void>
}

/** Puts a proxy before `port` of 127.0.0.1. */
export async function startChaosProxy(port: number, seed: number): Promise<ChaosProxy> {
  const sockets = new Set<net.Socket>()
  const roll = generator(seed)
  let accepted = 0
  let chaos: Chaos = {}
  const server = net.createServer({ noDelay: true }, (near) => {
    accepted++
    sockets.add(near)
    const far = net.connect({ port, host: '127.0.0.1', noDelay: true })
    near.on('error', () => undefined)
    far.on('error', () => near.destroy())
    near.on('close', () => {
      sockets.delete(near)
      far.destroy()
    })
    far.on('close', () => near.end())
    near.on('data', (bytes) => far.write(bytes))
    let line: Promise<void> = Promise.resolve()
    far.on('data', (bytes: Buffer) => {
      const dueMs = performance.now() + (chaos.delayMs ?? 0)
      line = line.then(() => until(dueMs)).then(() => hurt(near, bytes, chaos, roll))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as net.AddressInfo).port,
    get chaos() {
      return chaos
    },
    set chaos(next) {
      chaos = next
    },
    get accepted() {
      return accepted
    },
    get open() {
      return sockets.size
    },
    resetAll() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function until(dueMs: number): Promise<void> {
  const waitMs = dueMs - performance.now()
  if (waitMs > 0) await new Promise((wake) => setTimeout(wake, waitMs))
}

async function hurt(
  near: net.Socket,
  bytes: Buffer,
  chaos: Chaos,
  roll: () => number,
): Promise<void> {
  const { chunk = false, dripMs = 0, stallShare = 0, stallMs = 0, cutShare = 0 } = chaos
  if (near.destroyed) return
  if (dripMs > 0) return drip(near, bytes, dripMs)
  if (roll() < stallShare) await new Promise((wake) => setTimeout(wake, stallMs))
  if (roll() < cutShare) {
    near.write(bytes.subarray(0, bytes.length >> 1))
    await new Promise((wake) => setImmediate(wake))
    if (roll() < 0.5) near.resetAndDestroy()
    else near.destroy()
    return
  }
  if (!chunk) {
    near.write(bytes)
    return
  }
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + Math.floor(roll() * 40)
    near.write(bytes.subarray(at, at + size))
    at += size
    await new Promise((wake) => setImmediate(wake))
  }
}

async function drip(near: net.Socket, bytes: Buffer, dripMs: number): Promise<void> {
  for (let at = 0; at < bytes.length && !near.destroyed; at++) {
    near.write(bytes.subarray(at, at + 1))
    await new Promise((wake) => setTimeout(wake, dripMs))
  }
}

/** A linear congruential generator in [0, 1). */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 4_294_967_296
  }
}
