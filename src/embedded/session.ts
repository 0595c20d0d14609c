import type { Socket } from 'node:net'
import type { Command } from '../protocol/command.ts'
import { CommandParser } from '../protocol/command-parser.ts'
import { ReplyWriter } from '../protocol/respond.ts'
import { AuthGate } from './auth.ts'
import { commandHandler } from './commands.ts'
import type { ConnectionRow, Engine } from './engine.ts'
import type { Exchange } from './exchange.ts'
import type { FaultPlan } from './faults.ts'
import { Outlet } from './outlet.ts'
import type { ServerTally } from './tally.ts'

/** The first byte of memcached's binary protocol, which this server does not support. */
const BINARY_REQUEST = 0x80

/** memcached writes out its replies after this many commands of a connection (`-R`). */
const SETTLE_EVERY = 20

/** The limit on bytes that wait for a watcher to read them (memcached's watcher_logbuf_size). */
const WATCHER_BUFFER_BYTES = 256 * 1024

/** What a session needs from its server. */
export interface SessionHost {
  readonly engine: Engine
  readonly plan: FaultPlan
  readonly users: Readonly<Record<string, string>> | undefined
  readonly address: string
  /** Stops the whole server. */
  shutDown(): void
  /** Called when the session is over. */
  forget(session: Session): void
}

/**
 * One connection: reads commands, executes them, and writes all replies to the commands of a chunk
 * at once.
 */
export class Session implements Exchange {
  readonly id: number
  readonly engine: Engine
  readonly writer: ReplyWriter = new ReplyWriter()
  readonly #socket: Socket
  readonly #host: SessionHost
  readonly #outlet: Outlet
  readonly #parser: CommandParser
  readonly #peer: string
  #gate: AuthGate | undefined = undefined
  #lastCommandSecond: number
  #stopWatching: (() => void) | undefined = undefined
  #quitting = false
  #skippedLines = 0
  #untilSettled = SETTLE_EVERY
  #blackHoled = false
  #paused = false
  #begun = false

  /** `reset` must end the connection with a TCP reset. */
  constructor(id: number, socket: Socket, host: SessionHost, reset: () => void) {
    this.id = id
    this.#socket = socket
    this.#host = host
    this.engine = host.engine
    this.#lastCommandSecond = this.engine.time.now()
    this.#peer = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`
    this.#outlet = new Outlet(socket, host.plan, reset)
    const { abilities, settings, watchers } = this.engine
    this.#parser = new CommandParser((command) => this.#execute(command), {
      maxItemBytes: settings.maxItemBytes,
      cas: settings.cas,
      meta: abilities.meta,
      metaFlags: abilities.metaFlags,
      strictLines: abilities.strictLines,
      strictNumbers: abilities.strictNumbers,
      config: settings.config,
    })
    if (host.users !== undefined) {
      const { hangsUpOnShortAuth } = abilities
      const tally = (): ServerTally => this.engine.tally
      this.#gate = new AuthGate(host.users, this.writer, tally, hangsUpOnShortAuth)
    }
    if (watchers.active) watchers.connection('conn_new', id, this.#peer)
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('drain', () => this.#onDrain())
    // Nothing to do: 'close' follows every error.
    socket.on('error', () => {})
    socket.on('close', () => this.#onClose())
  }

  /** Returns the row of `stats conns` for this connection. */
  row(): ConnectionRow {
    const listenAddress = transport(this.#host.address)
    const address = listenAddress.startsWith('unix:') ? 'unix:' : `tcp:${this.#peer}`
    return { id: this.id, address, listenAddress, lastCommandSecond: this.#lastCommandSecond }
  }

  /** Stops reading and writing until resume(), like a stopped process. */
  pause(): void {
    this.#paused = true
    this.#socket.pause()
    this.#outlet.hold()
  }

  resume(): void {
    this.#paused = false
    this.#outlet.release()
    this.#socket.resume()
  }

  settle(): void {
    this.writer.settle()
    this.engine.store.turn++
    this.#untilSettled = SETTLE_EVERY
  }

  hangUp(): void {
    this.writer.discard()
    this.#parser.stop()
    this.#outlet.close()
    this.#socket.destroy()
  }

  quit(): void {
    this.#parser.stop()
    this.#quitting = true
  }

  watch(kinds: ReadonlySet<string>): void {
    this.#parser.stop()
    this.#stopWatching = this.engine.watchers.add(kinds, (line) => this.#report(line))
  }

  shutDown(): void {
    this.#parser.stop()
    this.#host.shutDown()
  }

  /** Sends a log line to a watcher. Counts it as skipped if too many bytes wait to be read. */
  #report(line: string): void {
    const { tally } = this.engine
    if (this.#outlet.backlogBytes + line.length > WATCHER_BUFFER_BYTES) {
      this.#skippedLines++
      tally.watcherSkipped++
      return
    }
    tally.watcherLines++
    const gap = this.#skippedLines === 0 ? '' : `skipped=${this.#skippedLines}\n`
    this.#skippedLines = 0
    this.#outlet.send([Buffer.from(`${gap}${line}\n`, 'latin1')])
  }

  #onData(chunk: Buffer): void {
    const { engine } = this
    engine.beginTurn()
    engine.watchers.currentId = this.id
    engine.tally.bytesRead += chunk.length
    this.#untilSettled = SETTLE_EVERY
    if (this.#blackHoled || this.#stopWatching !== undefined) return
    if (!this.#begun) {
      this.#begun = true
      if (chunk[0] === BINARY_REQUEST) {
        this.hangUp()
        return
      }
    }
    const rest = this.#gate === undefined ? chunk : this.#authenticate(chunk, this.#gate)
    if (rest.length > 0) this.#parser.push(rest)
    this.#flush()
    const over = this.#parser.ended || this.#gate?.mustClose === true
    if (this.#quitting) this.#outlet.end()
    else if (over && this.#stopWatching === undefined) this.hangUp()
  }

  #authenticate(chunk: Buffer, gate: AuthGate): Buffer {
    const rest = gate.push(chunk)
    if (gate.open) this.#gate = undefined
    return rest
  }

  #execute(command: Command): void {
    if (this.#blackHoled) return
    this.#lastCommandSecond = this.engine.store.now
    if (this.#host.plan.active) {
      this.#executeWithFaults(command)
      return
    }
    this.#dispatch(command)
  }

  #dispatch(command: Command): void {
    if (command.problem !== undefined) {
      if (!command.noreply) this.writer.line(command.problem)
      return
    }
    const handler = commandHandler(command, this.engine)
    handler(this, command)
    if (this.#untilSettled-- <= 0) this.settle()
  }

  /**
   * Executes a command while faults are active: its reply is sent separately, after the replies
   * before it.
   */
  #executeWithFaults(command: Command): void {
    const faults = this.#host.plan.for(command.verb)
    if (faults?.blackHole === true) {
      this.#blackHoled = true
      this.#host.plan.use()
      return
    }
    this.#flush()
    this.#dispatch(command)
    if (faults === undefined || !this.writer.pending) return
    this.#outlet.sendFaulty(this.writer.take(), faults)
  }

  #flush(): void {
    if (!this.writer.pending) return
    const parts = this.writer.take()
    for (const part of parts) this.engine.tally.bytesWritten += part.length
    // Stop reading from a client that does not read, so that its replies do not pile up.
    if (!this.#outlet.send(parts)) this.#socket.pause()
  }

  #onDrain(): void {
    if (!this.#paused) this.#socket.resume()
  }

  #onClose(): void {
    this.#stopWatching?.()
    this.#parser.stop()
    this.#outlet.close()
    const { watchers } = this.engine
    if (watchers.active) watchers.connection('conn_close', this.id, this.#peer)
    this.#host.forget(this)
  }
}

/** Formats an address as `stats conns` does. */
function transport(address: string): string {
  return address.startsWith('unix:') ? address : `tcp:${address}`
}
