import { performance } from 'node:perf_hooks'
import type { Command } from '../../src/protocol/command.ts'
import { CommandParser } from '../../src/protocol/command-parser.ts'
import type { Reply } from '../../src/protocol/reply.ts'
import { ReplyKind } from '../../src/protocol/reply-kind.ts'
import { ReplyParser } from '../../src/protocol/reply-parser.ts'

const { Value, End, Stat } = ReplyKind

/** How many events of a key are kept. */
const MAX_EVENTS = 120
/** How much of a line or value is shown: a value begins with its key and version. */
const SHOWN = 24

/**
 * The last events of each key: what callers began and what they learned, and what the servers got
 * and replied. It shows why a result was wrong, because no run is like another.
 */
export class History {
  readonly #keys = new Map<string, string[]>()
  readonly #startMs = performance.now()

  /** Begins to keep the events of a key. Other keys are ignored. */
  keep(key: string): void {
    this.#keys.set(key, [])
  }

  add(key: string, event: string): void {
    const events = this.#keys.get(key)
    if (events === undefined) return
    events.push(`${(performance.now() - this.#startMs).toFixed(1)} ${event}`)
    if (events.length > MAX_EVENTS) events.shift()
  }

  /** The events of a key as text, oldest first. */
  of(key: string): string {
    return (this.#keys.get(key) ?? []).map((event) => `\n    ${event}`).join('')
  }
}

/** A command whose reply is still to come. */
interface Asked {
  readonly keys: readonly string[]
  readonly isList: boolean
}

/** Adds the commands of one connection to a history, and the replies of its server. */
export class Wiretap {
  readonly #history: History
  readonly #name: string
  readonly #commands: CommandParser
  readonly #replies: ReplyParser
  readonly #asked: Asked[] = []
  #hits: string[] = []

  constructor(history: History, name: string) {
    this.#history = history
    this.#name = name
    this.#commands = new CommandParser((command) => this.#ask(command))
    this.#replies = new ReplyParser((reply) => this.#reply(reply))
  }

  up(bytes: Buffer): void {
    this.#commands.push(bytes)
  }

  down(bytes: Buffer): void {
    try {
      this.#replies.push(bytes)
    } catch (error) {
      // A planted mistake of the proxy.
      if (!(error instanceof Error)) throw error
    }
  }

  /** The connection ended with these bytes on their way. */
  ended(how: string): void {
    for (const { keys } of this.#asked) {
      for (const key of keys) this.#history.add(key, `${this.#name} ${how} before the reply`)
    }
  }

  #ask({ verb, key, line, data, dataStart, length }: Command): void {
    const isGet = /^gats?$|^gets?$/.test(verb)
    const first = verb.startsWith('gat') ? 2 : 1
    const words = Array.from({ length: line.count }, (_, at) => line.text(at))
    // A deleted or touched key is a word only; `key` is then that of an earlier command.
    const isData = data.length > 0 || /^m[gsdan]$/.test(verb)
    const keys = isGet ? words.slice(first) : [isData ? key : (words[1] ?? '')]
    const body = data.length === 0 ? '' : data.toString('latin1', dataStart, dataStart + length)
    const shown = isGet ? verb : words.filter((word) => word !== keys[0]).join(' ')
    for (const one of keys) this.#history.add(one, `${this.#name} > ${shown} ${short(body)}`)
    this.#asked.push({ keys, isList: isGet || verb === 'stats' })
  }

  #reply(reply: Reply): void {
    const asked = this.#asked[0]
    if (asked === undefined) return
    const { kind } = reply
    if (kind === Value) {
      const key = reply.keyText()
      this.#hits.push(key)
      this.#history.add(key, `${this.#name} < ${short(reply.valueBuffer().toString('latin1'))}`)
    }
    if (asked.isList && (kind === Value || kind === Stat)) return
    this.#asked.shift()
    for (const key of asked.keys) {
      if (kind === End && this.#hits.includes(key)) continue
      this.#history.add(key, `${this.#name} < ${kind === End ? 'a miss' : short(reply.text())}`)
    }
    this.#hits = []
  }
}

function short(text: string): string {
  return JSON.stringify(text.slice(0, SHOWN))
}
