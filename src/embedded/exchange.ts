import type { Command } from '../protocol/command.ts'
import type { ReplyWriter } from '../protocol/respond.ts'
import type { Engine } from './engine.ts'

/** The connection of a command, as its handler sees it. */
export interface Exchange {
  readonly engine: Engine
  readonly writer: ReplyWriter
  /** The id of this connection in `watch` and `stats conns`. */
  readonly id: number
  /** Marks the replies so far as sent: memcached writes them out at this point. */
  settle(): void
  /** Closes the connection at once, and drops replies that are not written yet. */
  hangUp(): void
  /** Closes the connection after the replies so far. */
  quit(): void
  /** Turns the connection into a log stream. It executes no further commands. */
  watch(kinds: ReadonlySet<string>): void
  /** Stops the whole server, as `shutdown` does if it is enabled. */
  shutDown(): void
}

/** Executes one command and writes its reply. */
export type Handler = (exchange: Exchange, command: Command) => void

/**
 * Executes one command and returns its reply line, or undefined if it has written its replies
 * itself.
 */
export type EmbeddedReply = (exchange: Exchange, command: Command) => string | undefined

/** Makes a handler that writes the returned reply line, unless the command has `noreply`. */
export function replying(reply: EmbeddedReply): Handler {
  return (exchange, command) => {
    const line = reply(exchange, command)
    if (line !== undefined && !command.noreply) exchange.writer.line(line)
  }
}
