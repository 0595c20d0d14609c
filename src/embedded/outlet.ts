import type { Socket } from 'node:net'
import type { FaultPlan, Faults } from './faults.ts'

type Cut = 'end' | 'reset' | 'close'

interface Due {
  readonly bytes: Buffer | undefined
  readonly cut: Cut | undefined
  readonly atMs: number
}

/**
 * Sends the replies of one connection: at once and complete, unless faults delay, change or cut
 * them.
 */
export class Outlet {
  readonly #socket: Socket
  readonly #reset: () => void
  readonly #plan: FaultPlan
  readonly #queue: Due[] = []
  #queuedBytes = 0
  #timer: NodeJS.Timeout | undefined = undefined
  #held = false
  /** Bytes of faulty replies since the last injection. */
  #faultyBytes = 0
  #generation = 0
  #cut = false

  /** `reset` must end the connection with a TCP reset. */
  constructor(socket: Socket, plan: FaultPlan, reset: () => void) {
    this.#socket = socket
    this.#plan = plan
    this.#reset = reset
  }

  /**
   * Writes the collected replies in one write. Returns false if the caller should wait for the
   * socket's `drain` event.
   */
  send(parts: Buffer[]): boolean {
    if (this.#cut) return true
    if (this.#queue.length > 0 || this.#held) {
      const last = this.#queue.at(-1)?.atMs ?? 0
      for (const part of parts) this.#push({ bytes: part, cut: undefined, atMs: last })
      return true
    }
    return this.#write(parts)
  }

  /** Sends the reply of one command with the given faults. */
  sendFaulty(parts: Buffer[], faults: Faults): void {
    if (this.#generation !== this.#plan.generation) {
      this.#generation = this.#plan.generation
      this.#faultyBytes = 0
    }
    this.#plan.use()
    if (faults.dropReplies === true) return
    let bytes = faults.garbage === undefined ? Buffer.concat(parts) : Buffer.from(faults.garbage)
    const cutAfter = Math.min(
      faults.truncateAfterBytes ?? Number.POSITIVE_INFINITY,
      faults.resetAfterBytes ?? Number.POSITIVE_INFINITY,
    )
    const cuts = this.#faultyBytes + bytes.length >= cutAfter
    if (cuts) bytes = bytes.subarray(0, cutAfter - this.#faultyBytes)
    this.#faultyBytes += bytes.length
    this.#schedule(bytes, faults)
    if (!cuts) return
    const atMs = this.#queue.at(-1)?.atMs ?? 0
    this.#push({
      bytes: undefined,
      cut: cutAfter === faults.resetAfterBytes ? 'reset' : 'end',
      atMs,
    })
    this.#pump()
  }

  /** Closes the connection after all pending replies, even if the client keeps it open. */
  end(): void {
    const atMs = this.#queue.at(-1)?.atMs ?? 0
    this.#push({ bytes: undefined, cut: 'close', atMs })
    this.#pump()
  }

  /** The bytes, here or in the socket, that the client has not read yet. */
  get backlogBytes(): number {
    return this.#queuedBytes + this.#socket.writableLength
  }

  /** Holds everything back until release(), like a stopped process. */
  hold(): void {
    this.#held = true
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  release(): void {
    this.#held = false
    this.#pump()
  }

  /** Drops all replies that are not written yet. */
  close(): void {
    this.#cut = true
    this.#clear()
    clearTimeout(this.#timer)
  }

  #schedule(bytes: Buffer, faults: Faults): void {
    const now = performance.now()
    let atMs = Math.max(now + (faults.delayMs ?? 0), this.#queue.at(-1)?.atMs ?? 0)
    const portion = faults.drip?.bytes ?? bytes.length
    for (let at = 0; at < bytes.length; at += portion) {
      this.#push({ bytes: bytes.subarray(at, at + portion), cut: undefined, atMs })
      atMs += faults.drip?.everyMs ?? 0
    }
    this.#pump()
  }

  #pump(): void {
    if (this.#held || this.#timer !== undefined) return
    while (this.#queue.length > 0 && !this.#cut) {
      const next = this.#queue[0]!
      const waitMs = next.atMs - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.#timer = undefined
          this.#pump()
        }, Math.ceil(waitMs))
        return
      }
      this.#queue.shift()
      this.#queuedBytes -= next.bytes?.length ?? 0
      if (next.bytes !== undefined) this.#write([next.bytes])
      else this.#cutOff(next.cut!)
    }
  }

  #push(due: Due): void {
    this.#queue.push(due)
    this.#queuedBytes += due.bytes?.length ?? 0
  }

  #clear(): void {
    this.#queue.length = 0
    this.#queuedBytes = 0
  }

  #cutOff(cut: Cut): void {
    this.#cut = true
    this.#clear()
    if (cut === 'close') {
      this.#socket.destroySoon()
    } else if (cut === 'end') {
      // Ends with a FIN behind the written bytes. Reads and ignores what the peer still sends.
      this.#socket.end()
      this.#socket.resume()
    } else {
      this.#reset()
    }
  }

  #write(parts: Buffer[]): boolean {
    const socket = this.#socket
    if (parts.length === 1) return socket.write(parts[0]!)
    socket.cork()
    let ready = true
    for (const part of parts) ready = socket.write(part)
    socket.uncork()
    return ready
  }
}
