import type { Command } from '../protocol/command.ts'
import type { ReplyWriter } from '../protocol/respond.ts'
import type { Engine } from './engine.ts'

/** What a command sees of the connection it came on. */
export interface Exchange {
  readonly engine: Engine
  readonly writer: ReplyWriter
  /** The number `watch` and `stats conns` call this connection by. */
  readonly id: number
  /** The replies so far count as sent: memcached writes them out at this point. */
  settle(): void
  /** Closes the connection at once; replies not yet written are lost. */
  hangUp(): void
  /** Closes the connection after the replies so far. */
  quit(): void
  /** Turns the connection into a log stream: no command is read any more. */
  watch(kinds: ReadonlySet<string>): void
  /** Stops the whole server, as an enabled `shutdown` does. */
  shutDown(): void
}

/** Executes one command and writes its reply. */
export type Handler = (exchange: Exchange, command: Command) => void

/** Executes one command and returns its reply line; undefined when it has answered by itself. */
export type EmbeddedReply = (exchange: Exchange, command: Command) => string | undefined

/** A handler that replies what `answer` returns, unless the command said noreply. */
export function answering(answer: EmbeddedReply): Handler {
  return (exchange, command) => {
    const line = answer(exchange, command)
    if (line !== undefined && !command.noreply) exchange.writer.line(line)
  }
}
