import { types } from 'node:util'
import { badArgument, checkBoolean, isGiven, refuseSurplus } from '../../arguments.ts'
import type { Deadline } from '../../deadline.ts'
import { MintringError } from '../../errors.ts'
import { refuse } from '../../net/refusal.ts'
import type { Effect, Verb } from '../../net/request.ts'
import { Request, verbOf } from '../../net/request.ts'
import { atMostExptime } from '../../protocol/exptime.ts'
import { toBase64Key } from '../../protocol/key.ts'
import type { MaFlags, MdFlags, MgFlags, MsFlags } from '../../protocol/meta.ts'
import { maHead, mdHead, meHead, mgHead, mnHead, msHead } from '../../protocol/meta.ts'
import type { MetaVerb } from '../../protocol/meta-versions.ts'
import { META_SINCE, unknownMetaFlag } from '../../protocol/meta-versions.ts'
import { RESERVED } from '../../protocol/own-key.ts'
import type { Reply } from '../../protocol/reply.ts'
import { TTL_UNTOLD } from '../../protocol/reply.ts'
import { ReplyKind } from '../../protocol/reply-kind.ts'
import { escaped } from '../../secrets.ts'
import type { ClientCore } from '../core.ts'
import { checkUnreserved } from '../keys.ts'
import type { OperationOptions } from '../options.ts'
import { checkOptions } from '../options.ts'
import { reportRejection } from '../trace-rejected.ts'
import { bytesIn } from '../values/text.ts'
import { ask, encodeLine, hostNamed, hostRequest } from './hosts.ts'
import { fits, tooLarge } from './storage.ts'

/** A key as text, or as any bytes: those are sent in base64 and may contain spaces and zeros. */
export type MetaKey = string | Uint8Array

/** The reply to a meta command; a field that was not requested is undefined. */
export interface MetaReply {
  /** HD or VA is `done`, EN or NF `missing`, NS `not_stored`, EX `exists`. */
  readonly status: 'done' | 'missing' | 'not_stored' | 'exists'
  /** The bytes of the value (flag v). */
  readonly value: Buffer | undefined
  /** Client flags (flag f); 0 when not requested. */
  readonly flags: number
  /** The CAS id (flag c). */
  readonly cas: bigint | undefined
  /** Seconds to live, -1 for no expiry (flag t). */
  readonly ttl: number | undefined
  /** Bytes of the value (flags s and v). */
  readonly size: number
  /** Whether the item was read before (flag h). */
  readonly hit: boolean | undefined
  /** Seconds since the last access (flag l). */
  readonly lastAccess: number | undefined
  /** The opaque token (flag O). */
  readonly opaque: string
  /** W: this client may refill the item. */
  readonly won: boolean
  /** X: the item was marked stale. */
  readonly stale: boolean
  /** Z: another client is already refilling the item. */
  readonly lost: boolean
}

/** The meta flags, except those that change the number of replies or the encoding of keys. */
export type MetaOptions<All> = Omit<All, 'q' | 'b' | 'k' | 'P' | 'L'>

/** The flags without a value. */
const SWITCHES = /[a-zI]/

const STATUS: ReadonlyMap<number, MetaReply['status']> = new Map([
  [ReplyKind.Hd, 'done'],
  [ReplyKind.Va, 'done'],
  [ReplyKind.En, 'missing'],
  [ReplyKind.Nf, 'missing'],
  [ReplyKind.Ns, 'not_stored'],
  [ReplyKind.Ex, 'exists'],
])

const verbs = {
  /** An mg with flags that touch, vivify or win a refill: repeating it may have another result. */
  mg: metaVerb('mg', 'touch', ({ wireKey, args }, out, maxTtl) => {
    out.text(mgHead(wireKey, shortened(args as MgFlags, maxTtl)))
  }),
  peek: metaVerb('mg', 'read', ({ wireKey, args }, out) => {
    out.text(mgHead(wireKey, args as MgFlags))
  }),
  ms: metaVerb('ms', 'change', ({ wireKey, args, body }, out, maxTtl) => {
    const flags = shortened(args as MsFlags, maxTtl)
    const T = atMostExptime(flags.T ?? 0, maxTtl)
    out.text(msHead(wireKey, body!.length, maxTtl === 0 ? flags : { ...flags, T }))
    out.data(body!)
  }),
  md: metaVerb('md', 'remove', ({ wireKey, args }, out, maxTtl) => {
    out.text(mdHead(wireKey, shortened(args as MdFlags, maxTtl)))
  }),
  ma: metaVerb('ma', 'change', ({ wireKey, args }, out, maxTtl) => {
    out.text(maHead(wireKey, shortened(args as MaFlags, maxTtl)))
  }),
} as const

/** Limits the TTLs in flags to `maxTtl`. */
function shortened<Flags extends { readonly T?: number; readonly N?: number }>(
  flags: Flags,
  maxTtl: number,
): Flags {
  if (maxTtl === 0) return flags
  return {
    ...flags,
    ...(flags.T === undefined ? {} : { T: atMostExptime(flags.T, maxTtl) }),
    ...(flags.N === undefined ? {} : { N: atMostExptime(flags.N, maxTtl) }),
  }
}

const ME: Verb = verbOf({
  name: 'me',
  effect: 'read',
  repeatable: true,
  encode({ wireKey, args }, out) {
    out.text(meHead(wireKey, args as { b?: boolean }))
  },
  accept(request, reply) {
    if (reply.kind === ReplyKind.Me) request.resolve(debugFields(reply))
    else if (reply.kind === ReplyKind.En) request.resolve(undefined)
    else return refuse(request, reply)
    return true
  },
})

const MN: Verb = verbOf({
  name: 'mn',
  effect: 'read',
  repeatable: true,
  encode: encodeLine,
  accept(request, reply) {
    if (reply.kind !== ReplyKind.Mn) return refuse(request, reply)
    request.resolve(undefined)
    return true
  },
})

/**
 * The meta commands, for what the other methods do not offer. Flags are the letters of the
 * protocol. A flag that the key's server does not support yet rejects with MINTRING_UNSUPPORTED
 * before anything is sent. Values are bytes; the caller sets and reads the client flags (F, f).
 */
export class MetaCommands {
  private readonly core: ClientCore

  /** @internal */
  constructor(core: ClientCore) {
    this.core = core
  }

  /** `mg`: reads an item; with flags it also touches it, creates a placeholder or wins a refill. */
  mg(key: MetaKey, flags?: MetaOptions<MgFlags>, options?: OperationOptions): Promise<MetaReply> {
    const isPlainRead = flags?.N === undefined && flags?.R === undefined && flags?.T === undefined
    const verb = isPlainRead ? verbs.peek : verbs.mg
    return this.send('mg', verb, key, flags, undefined, options, mgHead)
  }

  /** `ms`: stores bytes. */
  async ms(
    key: MetaKey,
    value: string | Uint8Array,
    flags?: MetaOptions<MsFlags>,
    options?: OperationOptions,
  ): Promise<MetaReply> {
    const body = typeof value === 'string' ? Buffer.from(value, 'utf8') : bytesIn(value)
    if (body === undefined) throw badArgument('ms() takes a string or bytes: encode other values')
    return this.send('ms', verbs.ms, key, flags, body, options, (wireKey, checked) => {
      if (!fits(this.core, wireKey, body.length)) throw tooLarge(this.core, wireKey, body.length)
      msHead(wireKey, body.length, checked)
    })
  }

  /** `md`: deletes an item, or with I marks it stale. */
  md(key: MetaKey, flags?: MetaOptions<MdFlags>, options?: OperationOptions): Promise<MetaReply> {
    return this.send('md', verbs.md, key, flags, undefined, options, mdHead)
  }

  /** `ma`: increments or decrements a counter. */
  ma(key: MetaKey, flags?: MetaOptions<MaFlags>, options?: OperationOptions): Promise<MetaReply> {
    return this.send('ma', verbs.ma, key, flags, undefined, options, maHead)
  }

  /** `mn`: resolves when the host has replied to all earlier requests of this client. */
  async mn(host: string, options?: OperationOptions): Promise<void> {
    checkOptions('mn', options)
    const request = hostRequest<void>(MN, mnHead())
    request.ordered = true
    return ask(this.core.open, hostNamed(this.core, host), request, options)
  }

  /**
   * `me`: reads what the server knows about an item, under the server's names; undefined on a miss.
   */
  async me(
    key: MetaKey,
    options?: OperationOptions,
  ): Promise<Readonly<Record<string, string>> | undefined> {
    const deadline = this.deadline('me', options, key)
    const { wireKey, routeKey, isBase64 } = this.place(key)
    await this.core.cluster.operations.during(deadline.bound(this.checkServer('mg', {}, routeKey)))
    const args = { b: isBase64 }
    return this.core.submit(new Request(ME, routeKey, wireKey, undefined, args), deadline.next())
  }

  private async send(
    name: MetaVerb,
    verb: Verb,
    key: MetaKey,
    flags: object = {},
    body: Uint8Array | undefined,
    options: OperationOptions | undefined,
    check: (wireKey: string, flags: object) => void,
  ): Promise<MetaReply> {
    const deadline = this.deadline(name, options, key)
    if (typeof flags !== 'object' || flags === null) {
      throw badArgument(`${name}() takes an object of meta flags, such as { v: true }`)
    }
    for (const [letter, value] of Object.entries(flags)) {
      if (!/^[a-z]$/i.test(letter))
        throw badArgument(
          `${name}() takes flags of one letter, such as { v: true }, not '${escaped(letter, 40)}'`,
        )
      if (SWITCHES.test(letter) && value !== undefined) checkBoolean(`${name}(): ${letter}`, value)
    }
    for (const letter of ['q', 'b', 'k', 'P', 'L']) {
      if (letter in flags) throw badFlag(letter)
    }
    const { wireKey, routeKey, isBase64 } = this.place(key)
    const args = { ...flags, b: isBase64 }
    check(wireKey, args)
    await this.core.cluster.operations.during(
      deadline.bound(this.checkServer(name, flags, routeKey)),
    )
    const request = new Request<MetaReply>(verb, routeKey, wireKey, undefined, args, body)
    return this.core.submit(request, deadline.next())
  }

  private deadline(name: string, options: OperationOptions | undefined, key: MetaKey): Deadline {
    checkOptions(name, options)
    return this.core.open.deadline(name, options, this.place(key).routeKey)
  }

  private place(key: MetaKey): { wireKey: string; routeKey: string; isBase64: boolean } {
    const { keys } = this.core
    if (!types.isUint8Array(key)) {
      return { wireKey: keys.wireKey(key), routeKey: keys.routeKey(key), isBase64: false }
    }
    checkUnreserved(Buffer.from(key.subarray(0, RESERVED.length)).toString('latin1'))
    const wireKey = toBase64Key(key)
    return { wireKey, routeKey: wireKey, isBase64: true }
  }

  private async checkServer(name: MetaVerb, flags: object, routeKey: string): Promise<void> {
    const host = this.core.cluster.hostFor(routeKey)
    if (host === undefined) return
    const { meta, version } = host.abilities ?? (await host.ready())
    const details = { host: host.name, command: name }
    if (!meta) {
      const what = `${host.name} (${version}) has no meta commands: they came with ${META_SINCE}`
      throw new MintringError('MINTRING_UNSUPPORTED', what, details)
    }
    const unknown = unknownMetaFlag(name, flags as Readonly<Record<string, unknown>>, version)
    if (unknown === undefined) return
    const { flag, since } = unknown
    const what = `${name} has the flag ${flag} since ${since}; ${host.name} is ${version}`
    throw new MintringError('MINTRING_UNSUPPORTED', what, details)
  }
}

refuseSurplus(MetaCommands.prototype, {
  except: ['send', 'deadline', 'place', 'checkServer'],
  refuses: isGiven,
  follow: (meta, verb, given, result) => {
    return reportRejection((meta as MetaCommands)['core'], verb, given, result)
  },
})

function metaVerb(name: string, effect: Effect, encode: NonNullable<Verb['encode']>): Verb {
  return verbOf({
    name,
    effect,
    repeatable: effect === 'read',
    encode,
    debt({ args }) {
      const { b: isBase64 = false, I: isMark = false, T } = args as MdFlags
      return { isBase64, isMark: isMark && effect === 'remove', ttlSeconds: T }
    },
    accept(request, reply) {
      const status = STATUS.get(reply.kind)
      if (status === undefined) return refuse(request, reply)
      request.resolve(metaReply(status, reply))
      return true
    },
  })
}

function metaReply(status: MetaReply['status'], reply: Reply): MetaReply {
  return {
    status,
    value: reply.kind === ReplyKind.Va ? reply.valueBuffer() : undefined,
    flags: reply.flags,
    cas: reply.hasCas ? reply.cas : undefined,
    ttl: reply.ttl === TTL_UNTOLD ? undefined : reply.ttl,
    size: reply.size,
    hit: reply.hit < 0 ? undefined : reply.hit === 1,
    lastAccess: reply.lastAccess < 0 ? undefined : reply.lastAccess,
    opaque: reply.opaque,
    won: reply.won,
    stale: reply.stale,
    lost: reply.lost,
  }
}

/** Parses the reply to `me`: `ME <key> <name>=<value> <name>=<value> …`. */
function debugFields(reply: Reply): Record<string, string> {
  const fields: Record<string, string> = Object.create(null)
  for (const part of reply.text().split(' ').slice(2)) {
    const equals = part.indexOf('=')
    if (equals > 0) fields[part.slice(0, equals)] = part.slice(equals + 1)
  }
  return fields
}

function badFlag(letter: string): MintringError {
  return badArgument(`the meta flag ${letter} is reserved for the client`)
}
