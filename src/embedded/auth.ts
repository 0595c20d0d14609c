import { CommandLine } from '../protocol/command-line.ts'
import { readU32 } from '../protocol/command-number.ts'
import type { ReplyWriter } from '../protocol/respond.ts'
import type { ServerTally } from './tally.ts'

const EMPTY: Buffer = Buffer.alloc(0)
const JUNK_BYTES = 2048
/** memcached 1.6.43 and later close the connection on a shorter line than this. */
const LEAST_LINE_BYTES = 6
/** A limit of this server; memcached has none. Names and passwords are never this long. */
const MAX_CREDENTIAL_BYTES = 64 * 1024

/**
 * Authenticates a connection: memcached's ASCII authentication (`-Y`). The client must send `set
 * <any> <any> <any> <bytes>` with `user password` as its value. No other command is executed before
 * that succeeds. Source: try_read_command_asciiauth() in proto_text.c.
 */
export class AuthGate {
  readonly #users: Readonly<Record<string, string>>
  readonly #writer: ReplyWriter
  readonly #tally: () => ServerTally
  readonly #leastLineBytes: number
  readonly #line = new CommandLine()
  #held: Buffer = EMPTY
  #wanted = 0
  /** Whether the client has authenticated. */
  open = false
  /** Whether to close the connection: the input cannot be an attempt to authenticate. */
  mustClose = false

  constructor(
    users: Readonly<Record<string, string>>,
    writer: ReplyWriter,
    tally: () => ServerTally,
    hangsUpOnShort: boolean,
  ) {
    this.#users = users
    this.#leastLineBytes = hangsUpOnShort ? LEAST_LINE_BYTES : 0
    this.#writer = writer
    this.#tally = tally
  }

  /**
   * Reads `chunk`. Once the client has authenticated, returns the bytes that follow its
   * credentials.
   */
  push(chunk: Buffer): Buffer {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    while (!this.open && !this.mustClose && this.#step());
    const rest = this.open ? this.#held : EMPTY
    if (this.open) this.#held = EMPTY
    return rest
  }

  #step(): boolean {
    return this.#wanted === 0 ? this.#readLine() : this.#readCredentials()
  }

  #readLine(): boolean {
    // memcached looks for a line only after two bytes, even if the first one is a line feed.
    const feed = this.#held.length < 2 ? -1 : this.#held.indexOf(10)
    if (feed < 0) {
      this.mustClose = this.#held.length > JUNK_BYTES
      return false
    }
    if (feed < this.#leastLineBytes) {
      this.mustClose = true
      return false
    }
    this.#line.cut(this.#held, 0, feed)
    const line = this.#line
    const bytes = line.count < 5 ? Number.NaN : readU32(this.#held, line.start(4), line.end(4))
    const attempt = line.is(0, 'set') && bytes <= MAX_CREDENTIAL_BYTES
    this.#held = this.#held.subarray(feed + 1)
    if (attempt) this.#wanted = bytes + 2
    else this.#reply('CLIENT_ERROR unauthenticated')
    return true
  }

  #readCredentials(): boolean {
    const wanted = this.#wanted
    if (this.#held.length < wanted) return false
    const value = this.#held.subarray(0, wanted)
    this.#held = this.#held.subarray(wanted)
    this.#wanted = 0
    if (value[wanted - 2] !== 13 || value[wanted - 1] !== 10) {
      this.#reply('CLIENT_ERROR bad command line termination')
      return true
    }
    this.#line.cut(value, 0, wanted - 2)
    if (this.#line.count < 2) {
      this.#reply('CLIENT_ERROR bad authentication token format')
      return true
    }
    const tally = this.#tally()
    tally.authCommands++
    const user = value.toString('utf8', this.#line.start(0), this.#line.end(0))
    const password = value.toString('utf8', this.#line.start(1), this.#line.end(1))
    this.open = Object.hasOwn(this.#users, user) && this.#users[user] === password
    if (!this.open) tally.authErrors++
    this.#reply(this.open ? 'STORED' : 'CLIENT_ERROR authentication failure')
    return true
  }

  /**
   * Replaces the pending reply: after several attempts in one packet, memcached replies only to the
   * last one.
   */
  #reply(line: string): void {
    this.#writer.discard()
    this.#writer.line(line)
  }
}
