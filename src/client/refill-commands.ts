import { MintringError } from '../errors.ts'
import type { Host } from '../hosts/host.ts'
import { acceptOneValue, refuse } from '../net/refusal.ts'
import type { Attempt, Effect, Sink, Verb } from '../net/request.ts'
import { Request, verbOf } from '../net/request.ts'
import { unlockHead } from '../net/unlock.ts'
import { atMostExptime, toExptime } from '../protocol/exptime.ts'
import { MAX_EXPTIME } from '../protocol/limits.ts'
import { mdHead, mgHead, msHead } from '../protocol/meta.ts'
import { besideKey } from '../protocol/own-key.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { deleteHead, getsHead, storeHead, touchHead } from '../protocol/request.ts'
import type { Status, StoreAnswer, StoreCommand } from '../refill/store.ts'
import { unixMs } from '../runtime.ts'
import {
  type AnswerContext,
  dialectOfReply,
  isForClassic,
  keptValue,
  lifeAsAtHome,
  staleBelow,
} from './refill-read.ts'

/** Converts a store command to a request that resolves to its result. */
export function commandRequest(
  command: StoreCommand,
  routeKey: string,
  mainKey: string,
  context: AnswerContext,
): Request<StoreAnswer, AnswerContext> {
  const { beside } = command
  const wireKey = beside === undefined ? mainKey : besideKey(mainKey, beside)
  const encoded = 'encoded' in command ? command.encoded : undefined
  const verb = VERBS[command.name]
  return new Request(verb, routeKey, wireKey, context, command, encoded?.body)
}

/** Encodes a command of a refill. On a gutter (stand-by) host, `maxTtl` limits every TTL. */
function encode(request: Request, out: Sink, maxTtl: number): void {
  const { wireKey, body } = request
  const command = commandFor(request)
  switch (command.name) {
    case 'mg':
      out.text(metaGetHead(command, wireKey, maxTtl))
      break
    case 'ms':
      out.text(metaSetHead(command, wireKey, maxTtl))
      break
    case 'md':
      out.text(metaDeleteHead(command, wireKey, maxTtl))
      break
    case 'touch':
      out.text(touchHead(wireKey, exptimeOf(command.ttlSeconds, maxTtl)))
      break
    case 'gets':
      out.text(getsHead([wireKey]))
      break
    case 'delete':
      out.text(unlockHead(request.attempt, wireKey) + deleteHead(wireKey))
      break
    case 'add':
    case 'set':
    case 'cas':
      out.text(classicHead(command, wireKey, maxTtl))
      break
  }
  if (body !== undefined) out.data(body)
}

/** Returns the command for the host that gets it: it may be meant for one of the other kind. */
function commandFor(request: Request): StoreCommand {
  const command = request.args as StoreCommand
  if (!(command.name in META_NAMES) || !isForClassic(request)) return command
  const instead = forClassicHost(command)
  if (instead !== undefined) return instead
  const host = request.attempt!.router.name
  const message = `${host} has no meta commands, and the lease was taken elsewhere`
  throw new MintringError('MINTRING_UNSUPPORTED', message, { host, command: request.verb.name })
}

/**
 * Returns what a host without meta commands gets instead of a command. A delete does what a mark
 * must do. Undefined for a store: its data would run as commands.
 */
export function forClassicHost(command: StoreCommand): StoreCommand | undefined {
  const { name, beside } = command
  if (name === 'mg') return { name: 'gets', beside }
  if (name === 'md' && command.cas === undefined) return { name: 'delete', beside }
  return name in META_NAMES ? undefined : command
}

/** What a meta command is called on a host that has none. */
const META_NAMES: Readonly<Partial<Record<StoreCommand['name'], string>>> = {
  mg: 'gets',
  ms: 'set',
  md: 'delete',
}

function metaGetHead(
  command: Extract<StoreCommand, { name: 'mg' }>,
  wireKey: string,
  maxTtl: number,
): string {
  const { vivifySeconds, refreshBelowSeconds, value = false } = command
  return mgHead(wireKey, {
    ...(vivifySeconds === undefined ? {} : { N: atMostExptime(vivifySeconds, maxTtl) }),
    ...(refreshBelowSeconds === undefined ? {} : { R: staleBelow(refreshBelowSeconds, maxTtl) }),
    v: value,
    f: true,
    t: true,
    c: true,
  })
}

function metaSetHead(
  command: Extract<StoreCommand, { name: 'ms' }>,
  wireKey: string,
  maxTtl: number,
): string {
  const { encoded, ttlSeconds, cas, add, tellsCas } = command
  return msHead(wireKey, encoded.body.length, {
    F: encoded.flags,
    T: exptimeOf(ttlSeconds, maxTtl),
    ...(cas === undefined ? {} : { C: BigInt(cas) }),
    ...(add ? { M: 'E' as const } : {}),
    ...(add || tellsCas ? { c: true } : {}),
  })
}

function metaDeleteHead(
  command: Extract<StoreCommand, { name: 'md' }>,
  wireKey: string,
  maxTtl: number,
): string {
  const { cas, invalidate = false, ttlSeconds } = command
  return mdHead(wireKey, {
    ...(cas === undefined ? {} : { C: BigInt(cas) }),
    ...(invalidate ? { I: true } : {}),
    ...(ttlSeconds === undefined ? {} : { T: exptimeOf(ttlSeconds, maxTtl) }),
  })
}

function classicHead(
  command: Extract<StoreCommand, { name: 'add' | 'set' | 'cas' }>,
  wireKey: string,
  maxTtl: number,
): string {
  const { name, encoded, ttlSeconds } = command
  const id = name === 'cas' ? BigInt(command.cas) : undefined
  const exptime = exptimeOf(ttlSeconds, maxTtl)
  return storeHead(name, wireKey, encoded.flags, exptime, encoded.body.length, id)
}

function exptimeOf(ttlSeconds: number, maxTtl: number): number {
  if (ttlSeconds < 0) return -1
  const nowSeconds = Math.floor(unixMs() / 1000)
  // memcached cannot store a later end, and a policy must not stop working as that time comes near.
  const seconds = Math.min(ttlSeconds, MAX_EXPTIME - nowSeconds)
  return atMostExptime(toExptime(seconds, nowSeconds), maxTtl)
}

/** The status that each reply kind stands for. */
const STATUSES: Readonly<Record<number, Status>> = {
  [ReplyKind.Va]: 'done',
  [ReplyKind.Hd]: 'done',
  [ReplyKind.Stored]: 'done',
  [ReplyKind.Touched]: 'done',
  [ReplyKind.Deleted]: 'done',
  [ReplyKind.Ex]: 'exists',
  [ReplyKind.Exists]: 'exists',
  [ReplyKind.En]: 'missing',
  [ReplyKind.Nf]: 'missing',
  [ReplyKind.NotFound]: 'missing',
  [ReplyKind.Ns]: 'refused',
  [ReplyKind.NotStored]: 'refused',
}

const acceptGets = acceptOneValue(answering('done'), answering('missing'))

const VERBS: Readonly<Record<StoreCommand['name'], Verb>> = {
  mg: verbOf({ ...oneReply('mg', 'read', true), accept: acceptMetaGet }),
  ms: oneReply('ms', 'change', false),
  // Safe to repeat: a second `md` does no harm, and one with a CAS id fails.
  md: oneReply('md', 'remove', true),
  touch: oneReply('touch', 'touch', true),
  delete: oneReply('delete', 'remove', true),
  add: oneReply('add', 'change', false),
  set: oneReply('set', 'change', true),
  cas: oneReply('cas', 'change', false),
  gets: verbOf({
    name: 'gets',
    effect: 'read',
    isOneHome: true,
    repeatable: true,
    encode,
    accept: acceptGets,
  }),
}

function oneReply(name: string, effect: Effect, repeatable: boolean): Verb {
  return verbOf({
    name,
    effect,
    repeatable,
    isOneHome: true,
    words: (request) => [(isForClassic(request) ? META_NAMES[name as 'mg'] : name) ?? name],
    encode,
    debt({ args }) {
      const { name, invalidate, ttlSeconds } = args as Partial<
        Extract<StoreCommand, { name: 'md' }>
      >
      return { isBase64: false, isMark: name === 'md' && invalidate === true, ttlSeconds }
    },
    accept: acceptStatus,
  })
}

function acceptStatus(request: Request, reply: Reply, attempt: Attempt): boolean {
  const status = STATUSES[reply.kind]
  if (status === undefined) return refuse(request, reply)
  answering(status)(request, reply, attempt)
  return true
}

function acceptMetaGet(request: Request, reply: Reply, attempt: Attempt): boolean {
  const accept = dialectOfReply(reply) === 'meta' ? acceptStatus : acceptGets
  return accept(request, reply, attempt)
}

function answering(status: Status): (request: Request, reply: Reply, attempt: Attempt) => void {
  return (request, reply, attempt) => {
    const asked = request as Request<StoreAnswer, AnswerContext>
    asked.resolve(answerOf(asked, reply, status, attempt))
  }
}

/** Copies a reply into a lasting result, because the parser reuses the reply object. */
function answerOf(
  request: Request<unknown, AnswerContext>,
  reply: Reply,
  status: Status,
  attempt: Attempt,
): StoreAnswer {
  const { refreshBelowSeconds = 0 } = request.args as { refreshBelowSeconds?: number }
  const { maxTtlSeconds } = attempt.router
  const { name } = request.args as StoreCommand
  const dialect = name === 'mg' ? dialectOfReply(reply) : name in META_NAMES ? 'meta' : 'classic'
  const place = request.context.placeOf(attempt.router as Host, dialect)
  return {
    status,
    found: status === 'done',
    ttlSeconds: lifeAsAtHome(reply.ttl, refreshBelowSeconds, maxTtlSeconds),
    won: reply.won,
    lost: reply.lost,
    stale: reply.stale,
    cas: reply.casText,
    place: () => place,
    ...keptValue(reply.flags, reply.valueBuffer(), request.context),
  }
}
