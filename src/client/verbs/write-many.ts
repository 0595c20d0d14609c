import { MintringError } from '../../errors.ts'
import type { Verb } from '../../net/request.ts'
import { Request } from '../../net/request.ts'
import type { Reply } from '../../protocol/reply.ts'
import type { ReplyKind as Kind } from '../../protocol/reply-kind.ts'
import { ReplyKind } from '../../protocol/reply-kind.ts'
import { deleteHead, storeHead } from '../../protocol/request.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions, StoreOptions } from '../options.ts'
import { Outcomes } from '../outcomes.ts'
import { refusalOf, surprising } from '../refusal.ts'
import { traceBatch } from '../trace.ts'
import { optionalExptime } from '../ttl.ts'
import type { Encoded } from '../values/codec.ts'
import { bytesOf, isAscii } from '../values/text.ts'
import type { ManyKeys, ManyVerb } from './many.ts'
import { allOf, checkKeys, runMany } from './many.ts'
import { remove } from './removal.ts'
import { chunkBytes, fits, storeEncoded, tooLarge } from './storage.ts'

/** How many commands, and how many bytes, leave as one request. */
const MAX_GROUP_COMMANDS = 256
const MAX_GROUP_BYTES = 65_536

/** The entries of a setMany: a Map, an object, or pairs. */
export type Entries<Value> = Iterable<readonly [string, Value]> | Readonly<Record<string, Value>>

/** What the requests of one batch of writes fill, by position. */
interface Written {
  readonly done: (boolean | undefined)[]
  readonly refused: Map<number, MintringError>
}

/** A group of commands on its way: one reply each, in order. */
interface Group {
  readonly written: Written
  readonly positions: readonly number[]
  cursor: number
}

const SET_MANY: Verb = groupVerb('set', ReplyKind.Stored, ReplyKind.NotStored)
const DELETE_MANY: Verb = groupVerb('delete', ReplyKind.Deleted, ReplyKind.NotFound)

/** Stores all entries: per key true, or in `failed` the reason. */
export async function setMany(
  core: ClientCore,
  entries: Entries<unknown>,
  options: StoreOptions | undefined,
): Promise<Outcomes<boolean>> {
  const exptime = optionalExptime(options?.ttl)
  const values = new Map(pairsOf(entries))
  const batch = checkKeys(core, values.keys())
  return traceBatch('setMany', batch.keys, core.behaviors.traceKeys, () =>
    storeAll(core, batch, [...values.values()], exptime, options),
  )
}

async function storeAll(
  core: ClientCore,
  batch: ManyKeys,
  values: readonly unknown[],
  exptime: number,
  options: StoreOptions | undefined,
): Promise<Outcomes<boolean>> {
  const written: Written = { done: [], refused: new Map() }
  const encoded = await Promise.all(values.map((value) => core.codec.encode(value)))
  for (const key of batch.keys) core.changed(key)
  for (const [position, item] of encoded.entries()) {
    const wireKey = batch.wireKeys[position]!
    if (fits(core, wireKey, item.body.length)) continue
    if (core.chunks === undefined) {
      written.refused.set(position, tooLarge(core, wireKey, item.body.length))
    } else {
      encoded[position] = await core.chunks.write(item, exptime, chunkBytes(core), options)
    }
  }
  const positions = allOf(batch).filter((position) => !written.refused.has(position))
  const verb = settingVerb(core, batch, encoded, exptime, written)
  return collect(batch, written, await runMany(core, batch, positions, verb, options))
}

/** Deletes all keys: per key whether it was there, or in `failed` the reason. */
export async function deleteMany(
  core: ClientCore,
  keys: Iterable<string>,
  options: OperationOptions | undefined,
): Promise<Outcomes<boolean>> {
  const batch = checkKeys(core, keys)
  return traceBatch('deleteMany', batch.keys, core.behaviors.traceKeys, () =>
    deleteAll(core, batch, options),
  )
}

async function deleteAll(
  core: ClientCore,
  batch: ManyKeys,
  options: OperationOptions | undefined,
): Promise<Outcomes<boolean>> {
  for (const key of batch.keys) core.changed(key)
  const written: Written = { done: [], refused: new Map() }
  const verb: ManyVerb = {
    isRead: false,
    cut: (positions, first) => Math.min(positions.length, first + MAX_GROUP_COMMANDS),
    request(positions) {
      let head = ''
      for (const position of positions) head += deleteHead(batch.wireKeys[position]!)
      return groupRequest(DELETE_MANY, head, undefined, positions, written)
    },
    async single(position, options) {
      written.done[position] = await remove(core, batch.keys[position]!, options)
    },
  }
  return collect(batch, written, await runMany(core, batch, allOf(batch), verb, options))
}

function settingVerb(
  core: ClientCore,
  batch: ManyKeys,
  encoded: readonly Encoded[],
  exptime: number,
  written: Written,
): ManyVerb {
  return {
    isRead: false,
    cut(positions, first) {
      let bytes = 0
      let end = first
      while (end < positions.length && end - first < MAX_GROUP_COMMANDS) {
        bytes += encoded[positions[end]!]!.body.length
        if (bytes > MAX_GROUP_BYTES && end > first) break
        end++
      }
      return end
    },
    request(positions) {
      const head = (position: number): string => {
        const { body, flags } = encoded[position]!
        return storeHead('set', batch.wireKeys[position]!, flags, exptime, body.length)
      }
      const [first] = positions as [number]
      const rest = positions.slice(1)
      const body = joinBodies(encoded[first]!.body, rest, head, encoded)
      return groupRequest(SET_MANY, head(first), body, positions, written)
    },
    async single(position, options) {
      const key = batch.keys[position]!
      written.done[position] = await storeEncoded(core, key, encoded[position]!, exptime, options)
    },
  }
}

/** The first data block and all that follows it, up to the CRLF that ends the last one. */
function joinBodies(
  firstBody: string | Uint8Array,
  rest: readonly number[],
  head: (position: number) => string,
  encoded: readonly Encoded[],
): string | Uint8Array {
  if (rest.length === 0) return firstBody
  const parts = [firstBody]
  for (const position of rest) parts.push(`\r\n${head(position)}`, encoded[position]!.body)
  // Heads may have keys of non-ASCII bytes, so only what is all ASCII stays a string.
  const joined = parts.every((part) => typeof part === 'string') ? parts.join('') : undefined
  return joined !== undefined && isAscii(joined) ? joined : Buffer.concat(parts.map(bytesOf))
}

function groupRequest(
  verb: Verb,
  head: string,
  body: string | Uint8Array | undefined,
  positions: readonly number[],
  written: Written,
): Request<void> {
  const group: Group = { written, positions, cursor: 0 }
  return new Request<void>(verb, undefined, '', head, body, group)
}

/** One reply per command, in order. Only a refusal that leaves the framing whole is a key's own. */
function groupVerb(name: string, yes: Kind, no: Kind): Verb {
  return {
    name,
    safety: 'idempotent',
    accept(request, reply) {
      const group = request.context as Group
      const position = group.positions[group.cursor++]!
      takeAnswer(request, reply, group.written, position, yes, no)
      if (group.cursor < group.positions.length) return false
      request.resolve(undefined)
      return true
    },
  }
}

function takeAnswer(
  request: Request,
  reply: Reply,
  written: Written,
  position: number,
  yes: Kind,
  no: Kind,
): void {
  if (reply.kind === yes || reply.kind === no) written.done[position] = reply.kind === yes
  else if (reply.kind === ReplyKind.ServerError) {
    written.refused.set(position, refusalOf(request, reply))
  } else throw surprising(request)
}

function collect(
  batch: ManyKeys,
  written: Written,
  failed: ReadonlyMap<number, MintringError>,
): Outcomes<boolean> {
  const outcomes = new Outcomes<boolean>()
  for (const [position, key] of batch.keys.entries()) {
    const error = failed.get(position) ?? written.refused.get(position)
    if (error !== undefined) outcomes.failed.set(key, error)
    else outcomes.set(key, written.done[position] ?? false)
  }
  return outcomes
}

function pairsOf<Value>(entries: Entries<Value>): Iterable<readonly [string, Value]> {
  if (typeof entries === 'object' && entries !== null) {
    if (Symbol.iterator in entries) return entries as Iterable<readonly [string, Value]>
    return Object.entries(entries)
  }
  throw new MintringError(
    'MINTRING_BAD_ARGUMENT',
    'entries must be a Map, an object or an iterable of [key, value] pairs',
  )
}
