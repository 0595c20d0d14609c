import { types } from 'node:util'
import { badArgument } from '../../arguments.ts'
import type { MintringError } from '../../errors.ts'
import { refusalOf } from '../../net/refusal.ts'
import type { Attempt, Effect, Verb } from '../../net/request.ts'
import { Request, verbOf } from '../../net/request.ts'
import { MAX_KEY_BYTES } from '../../protocol/limits.ts'
import type { Reply } from '../../protocol/reply.ts'
import { ReplyKind } from '../../protocol/reply-kind.ts'
import { lineOf } from '../../protocol/words.ts'
import type { ClientCore } from '../core.ts'
import { checkUnreserved } from '../keys.ts'
import type { OperationOptions } from '../options.ts'
import { checkOptions } from '../options.ts'
import { bytesIn } from '../values/text.ts'
import { ask } from './hosts.ts'

/** One reply of a raw command. */
export interface RawReply {
  /** The reply line, without its line break. */
  readonly line: string
  /** The data block after the reply line, if there was one. */
  readonly data: Buffer | undefined
}

/** A word of a raw command; bytes are allowed as the last word and are its data block. */
export type RawWord = string | number | bigint | Uint8Array

/** How the replies of a command end. */
type Ending = 'one' | 'end'

interface Known {
  readonly ending: Ending
  readonly effect: Effect
  /** The index of the word with the length of the data block, for commands that have one. */
  readonly lengthAt?: number
}

const read: Known = { ending: 'one', effect: 'read' }
const list: Known = { ending: 'end', effect: 'read' }
const touches: Known = { ending: 'one', effect: 'touch' }
const changes: Known = { ending: 'one', effect: 'change' }
const removes: Known = { ending: 'one', effect: 'remove' }
const stores: Known = { ending: 'one', effect: 'change', lengthAt: 4 }

/** The commands whose replies have a known end; other commands could desynchronize a connection. */
const known: ReadonlyMap<string, Known> = new Map([
  ...['me', 'mn', 'version'].map((name) => [name, read] as const),
  ...['mg', 'touch'].map((name) => [name, touches] as const),
  ...['md', 'delete'].map((name) => [name, removes] as const),
  ...['get', 'gets', 'stats'].map((name) => [name, list] as const),
  ...['gat', 'gats'].map((name) => [name, { ...list, effect: 'touch' }] as const),
  ...['set', 'add', 'replace', 'append', 'prepend', 'cas'].map((name) => [name, stores] as const),
  ['ms', { ...stores, lengthAt: 2 }],
  ...[
    'ma',
    'incr',
    'decr',
    'verbosity',
    'cache_memlimit',
    'slabs',
    'lru',
    'lru_crawler',
    'debugtime',
  ].map((name) => [name, changes] as const),
  ['flush_all', { ending: 'one', effect: 'flush' }],
  ['config', { ...list, effect: 'touch' }],
])

/** Replies after which more replies to the same command follow. */
const CONTINUES: ReadonlySet<number> = new Set([
  ReplyKind.Value,
  ReplyKind.Stat,
  ReplyKind.Config,
  // `stats cachedump` replies lines `ITEM …`, and `stats detail dump` lines `PREFIX …`.
  ReplyKind.Line,
])

/**
 * Commands with data run on a connection of their own: a server that rejects the line may execute
 * the data as commands.
 */
const STORES: Verb = verbOf({ ...rawVerb('change'), isApart: true })

const verbs: Readonly<Record<Effect, Verb>> = {
  read: rawVerb('read'),
  touch: rawVerb('touch'),
  change: rawVerb('change'),
  remove: rawVerb('remove'),
  flush: rawVerb('flush'),
}

/**
 * Sends any command of the text and meta protocols with unchanged keys and values. Checks that it
 * is one line with the right data length, and collects the replies.
 */
export function raw(
  core: ClientCore,
  target: string,
  args: readonly (RawWord | OperationOptions)[],
): Promise<RawReply[]> {
  const { words, body, options } = partsOf(args)
  const line = checkLine(words.join(' '))
  const tokens = line.split(' ').filter(Boolean)
  const command = checkCommand(tokens, body)
  checkWords(tokens)
  const host = core.cluster.hosts.find((one) => one.name === target || one.address === target)
  const context: RawContext = { ending: command.ending, of: undefined, collected: [] }
  const verb = body === undefined ? verbs[command.effect] : STORES
  if (host !== undefined) {
    const request = new Request<RawReply[]>(verb, undefined, '', context, tokens, body)
    return ask(core, host, request, options)
  }
  const wireKey = core.keys.wireKey(target)
  const routeKey = core.keys.routeKey(target)
  return core.submit(
    new Request<RawReply[]>(verb, routeKey, wireKey, context, tokens, body),
    options,
  )
}

interface Parts {
  readonly words: readonly RawWord[]
  readonly body: Uint8Array | undefined
  readonly options: OperationOptions | undefined
}

/** Splits the arguments into words, optional bytes and optional options. */
function partsOf(args: readonly (RawWord | OperationOptions)[]): Parts {
  const words = [...args]
  const last = words.at(-1)
  const hasOptions = last === undefined || (isObject(last) && !types.isUint8Array(last))
  const options = hasOptions ? (words.pop() as OperationOptions | undefined) : undefined
  checkOptions('raw', options)
  const body = types.isUint8Array(words.at(-1)) ? bytesIn(words.pop()) : undefined
  if (words.some(isNoWord)) throw bad('consists of words, with the data as one Buffer at the end')
  return { words: words as RawWord[], body, options }
}

const isObject = (word: unknown): boolean => typeof word === 'object' || typeof word === 'function'
const isNoWord = (word: unknown): boolean => isObject(word) || typeof word === 'symbol'

interface RawContext {
  readonly ending: Ending
  /** The attempt that `collected` belongs to; a retry starts with none. */
  of: Attempt | undefined
  collected: RawReply[]
}

function rawVerb(effect: Effect): Verb {
  return verbOf({
    name: 'raw',
    effect,
    repeatable: effect === 'read',
    words: ({ args }) => args as string[],
    encode({ args, body }, out) {
      out.text(lineOf(args as string[]))
      if (body !== undefined) out.data(body)
    },
    accept(request, reply, attempt) {
      const context = request.context as RawContext
      if (context.of !== attempt) Object.assign(context, { of: attempt, collected: [] })
      const { ending, collected } = context
      if (isError(reply)) {
        request.reject(refusalOf(request, reply))
        if (request.body === undefined || reply.kind === ReplyKind.ServerError) return true
        // The server may have executed the data as commands, so close this connection.
        throw refusalOf(request, reply)
      }
      const data = CARRIES_DATA.has(reply.kind) ? reply.valueBuffer() : undefined
      collected.push({ line: reply.text(), data })
      if (ending === 'end' && CONTINUES.has(reply.kind)) return false
      request.resolve(collected)
      return true
    },
  })
}

const CARRIES_DATA: ReadonlySet<number> = new Set([ReplyKind.Value, ReplyKind.Va, ReplyKind.Config])

function isError({ kind }: Reply): boolean {
  return (
    kind === ReplyKind.Error || kind === ReplyKind.ClientError || kind === ReplyKind.ServerError
  )
}

function checkLine(line: string): string {
  if (line === '') {
    throw badArgument("raw() takes a key or a host, and then a command: raw('k', 'get', 'k')")
  }
  if (line.length > 0 && line.length <= 2048 && !/[^ -~\x80-\xff]/.test(line)) return line
  throw bad('must be one line of 1 to 2048 bytes, without control characters')
}

/** Checks every word, as any may be a key; the word after a meta command may be base64. */
function checkWords(tokens: readonly string[]): void {
  for (const token of tokens) {
    // memcached 1.6 also drops the replies to commands before a `get` with such a key.
    if (token.length > MAX_KEY_BYTES) throw bad(`has a word over ${MAX_KEY_BYTES} bytes`)
    checkUnreserved(token)
  }
  if (tokens[0]?.length !== 2 || !tokens.includes('b')) return
  checkUnreserved(Buffer.from(tokens[1] ?? '', 'base64').toString('latin1'))
}

function checkCommand(tokens: readonly string[], body: Uint8Array | undefined): Known {
  const [name = '', ...words] = tokens
  const command = known.get(name)
  if (command === undefined) {
    throw bad(`must be one whose replies are known, not '${name.slice(0, 32)}'`)
  }
  if (name === 'lru_crawler' && /dump$/.test(words[0] ?? ''))
    throw bad('dumps have their own verbs')
  if (words.at(-1) === 'noreply') throw bad('must have a reply: noreply is not allowed')
  if (name.length === 2 && words.includes('q'))
    throw bad('must have a reply: the flag q is not allowed')
  if (command.lengthAt === undefined) {
    if (body !== undefined) throw bad(`'${name}' takes no data`)
    return command
  }
  const length = tokens[command.lengthAt]
  if (body === undefined) throw bad(`'${name}' needs its data, as bytes, at the end`)
  if (length !== String(body.length)) {
    throw bad(`has a length of ${length}, but its data has ${body.length} bytes`)
  }
  return command
}

function bad(problem: string): MintringError {
  return badArgument(`a raw command ${problem}`)
}
