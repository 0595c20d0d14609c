import { createHash } from 'node:crypto'
import type { Host } from '../hosts/host.ts'
import type { Safety, Verb } from '../net/request.ts'
import { Request } from '../net/request.ts'
import { toExptime } from '../protocol/exptime.ts'
import { MAX_KEY_BYTES } from '../protocol/limits.ts'
import { mdHead, mgHead, msHead } from '../protocol/meta.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { deleteHead, getsHead, storeHead, touchHead } from '../protocol/request.ts'
import type { Answer, Command, Encoded, Status } from '../refill/store.ts'
import type { AnswerContext } from './refill-read.ts'
import { refuse, surprising } from './refusal.ts'
import { BufferBody } from './values/codec.ts'

/** One command of an exchange as a request that resolves to its answer. */
export function commandRequest(
  command: Command,
  routeKey: string,
  mainKey: string,
  context: AnswerContext,
): Request<Answer, AnswerContext> {
  const { suffix } = command
  const wireKey = suffix === undefined ? mainKey : besideKey(mainKey, suffix)
  const encoded = 'encoded' in command ? command.encoded : undefined
  const verb = VERBS[command.name]
  return new Request(verb, routeKey, wireKey, headOf(command, wireKey), encoded?.body, context)
}

/** A key beside another. One that would be too long is made of the other's hash. */
function besideKey(wireKey: string, suffix: string): string {
  if (wireKey.length + suffix.length <= MAX_KEY_BYTES) return wireKey + suffix
  return `~${createHash('sha256').update(wireKey, 'latin1').digest('base64url')}${suffix}`
}

function headOf(command: Command, wireKey: string): string {
  switch (command.name) {
    case 'mg':
      return metaGetHead(command, wireKey)
    case 'ms':
      return metaSetHead(command, wireKey)
    case 'md':
      return metaDeleteHead(command, wireKey)
    case 'touch':
      return touchHead(wireKey, exptimeOf(command.ttlSeconds))
    case 'gets':
      return getsHead([wireKey])
    case 'delete':
      return deleteHead(wireKey)
    case 'add':
      return classicHead('add', command.encoded, command.ttlSeconds, wireKey)
    case 'cas':
      return classicHead('cas', command.encoded, command.ttlSeconds, wireKey, command.cas)
  }
}

function metaGetHead(command: Extract<Command, { name: 'mg' }>, wireKey: string): string {
  const { vivifySeconds, refreshBelowSeconds, value = false } = command
  return mgHead(wireKey, {
    ...(vivifySeconds === undefined ? {} : { N: vivifySeconds }),
    ...(refreshBelowSeconds === undefined ? {} : { R: refreshBelowSeconds }),
    v: value,
    f: true,
    t: true,
    c: true,
  })
}

function metaSetHead(command: Extract<Command, { name: 'ms' }>, wireKey: string): string {
  const { encoded, ttlSeconds, cas, add } = command
  return msHead(wireKey, encoded.body.length, {
    F: encoded.flags,
    T: exptimeOf(ttlSeconds),
    ...(cas === undefined ? {} : { C: BigInt(cas) }),
    ...(add ? { M: 'E' as const, c: true } : {}),
  })
}

function metaDeleteHead(command: Extract<Command, { name: 'md' }>, wireKey: string): string {
  const { cas, invalidate = false, ttlSeconds } = command
  return mdHead(wireKey, {
    ...(cas === undefined ? {} : { C: BigInt(cas) }),
    ...(invalidate ? { I: true } : {}),
    ...(ttlSeconds === undefined ? {} : { T: exptimeOf(ttlSeconds) }),
  })
}

function classicHead(
  verb: 'add' | 'cas',
  { body, flags }: Encoded,
  ttlSeconds: number,
  wireKey: string,
  cas?: string,
): string {
  const id = cas === undefined ? undefined : BigInt(cas)
  return storeHead(verb, wireKey, flags, exptimeOf(ttlSeconds), body.length, id)
}

function exptimeOf(ttlSeconds: number): number {
  return ttlSeconds < 0 ? -1 : toExptime(ttlSeconds, Math.floor(Date.now() / 1000))
}

/** What each reply to a command means. */
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

const VERBS: Readonly<Record<Command['name'], Verb>> = {
  mg: answering('mg', 'read'),
  ms: answering('ms', 'once'),
  // Marking or deleting twice is as good as once; what carries a CAS id fails the second time.
  md: answering('md', 'idempotent'),
  touch: answering('touch', 'idempotent'),
  delete: answering('delete', 'idempotent'),
  add: answering('add', 'once'),
  cas: answering('cas', 'once'),
  gets: {
    name: 'gets',
    safety: 'read',
    accept(request, reply) {
      const asked = request as Request<Answer, AnswerContext>
      if (reply.kind === ReplyKind.Value) {
        if (!reply.keyEquals(request.wireKey) || request.settled) throw surprising(request)
        asked.resolve(answerOf(asked, reply, 'done'))
        return false
      }
      if (reply.kind !== ReplyKind.End) return refuse(request, reply)
      asked.resolve(answerOf(asked, reply, 'missing'))
      return true
    },
  },
}

function answering(name: string, safety: Safety): Verb {
  return {
    name,
    safety,
    accept(request, reply) {
      const status = STATUSES[reply.kind]
      if (status === undefined) return refuse(request, reply)
      const asked = request as Request<Answer, AnswerContext>
      asked.resolve(answerOf(asked, reply, status))
      return true
    },
  }
}

/** An answer to keep: the reply itself is used again. */
function answerOf(request: Request<unknown, AnswerContext>, reply: Reply, status: Status): Answer {
  const { codec } = request.context
  const body = new BufferBody(reply.valueBuffer())
  const place = request.context.placeOf(request.router as Host)
  return {
    status,
    found: status === 'done',
    flags: reply.flags,
    size: reply.size,
    ttlSeconds: reply.ttl,
    won: reply.won,
    lost: reply.lost,
    stale: reply.stale,
    cas: reply.casText,
    place: () => place,
    decode: (flags, from) =>
      codec.decode(flags, from === 0 ? body : new BufferBody(body.valueBuffer().subarray(from))),
    head: (length) => body.valueBuffer().subarray(0, length),
  }
}
