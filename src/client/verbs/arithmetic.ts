import type { OptionNames } from '../../arguments.ts'
import { badArgument } from '../../arguments.ts'
import { refuse } from '../../net/refusal.ts'
import type { Verb } from '../../net/request.ts'
import { Request, verbOf } from '../../net/request.ts'
import { atMostExptime } from '../../protocol/exptime.ts'
import { MAX_UINT64 } from '../../protocol/limits.ts'
import { type MaFlags, maHead } from '../../protocol/meta.ts'
import type { Reply } from '../../protocol/reply.ts'
import { ReplyKind } from '../../protocol/reply-kind.ts'
import { decrHead, incrHead, storeHead } from '../../protocol/request.ts'
import { kindOf } from '../../secrets.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions } from '../options.ts'
import { checkOptions, STORE_OPTIONS } from '../options.ts'
import type { Ttl } from '../ttl.ts'
import { optionalExptime } from '../ttl.ts'

/** The options of incr and decr. */
export interface CounterOptions extends OperationOptions {
  /** The initial number of a missing counter; without it a miss resolves to undefined. */
  readonly initial?: bigint | number | undefined
  /**
   * The lifetime of a counter that this call creates; it needs `initial`. Existing counters keep
   * theirs.
   */
  readonly ttl?: Ttl | undefined
}

const COUNTER_OPTIONS: OptionNames = new Set([...STORE_OPTIONS, 'initial'])

/** Not repeatable: if the reply was lost, the server may have counted. */
function counting(name: string, head: typeof incrHead): Verb {
  return verbOf({
    name,
    effect: 'change',
    repeatable: false,
    encode({ wireKey, args }, out) {
      out.text(head(wireKey, args as bigint))
    },
    accept(request, reply) {
      if (reply.kind === ReplyKind.Number) request.resolve(reply.number)
      else if (reply.kind === ReplyKind.NotFound) request.resolve(undefined)
      else return refuse(request, reply)
      return true
    },
    miss: resolveMiss,
  })
}

const verbs = { incr: counting('incr', incrHead), decr: counting('decr', decrHead) } as const

const META_COUNT: Verb = verbOf({
  name: 'ma',
  effect: 'change',
  repeatable: false,
  encode({ wireKey, exptime, args }, out, maxTtl) {
    const N = atMostExptime(exptime, maxTtl)
    out.text(maHead(wireKey, { ...(args as MaFlags), N, v: true }))
  },
  accept(request, reply) {
    if (reply.kind === ReplyKind.Va) request.resolve(BigInt(reply.valueString().trimEnd()))
    else if (reply.kind === ReplyKind.Nf) request.resolve(undefined)
    else return refuse(request, reply)
    return true
  },
  miss: resolveMiss,
})

const START: Verb = verbOf({
  name: 'add',
  effect: 'change',
  repeatable: false,
  encode({ wireKey, exptime, body }, out, maxTtl) {
    out.text(storeHead('add', wireKey, 0, atMostExptime(exptime, maxTtl), body!.length))
    out.data(body!)
  },
  accept(request: Request, reply: Reply) {
    if (reply.kind === ReplyKind.Stored) request.resolve(true)
    else if (reply.kind === ReplyKind.NotStored) request.resolve(false)
    else return refuse(request, reply)
    return true
  },
  miss: resolveMiss,
})

/**
 * Increments or decrements a counter: 64-bit and unsigned; incr wraps at 2^64 and decr stops at 0.
 * Resolves to the new number, or to undefined when there is no counter and no `initial`.
 */
export function count(
  core: ClientCore,
  name: 'incr' | 'decr',
  key: string,
  delta: bigint | number = 1,
  options: CounterOptions | undefined,
): Promise<bigint | undefined> {
  checkOptions(name, options, COUNTER_OPTIONS)
  const wireKey = core.keys.wireKey(key)
  const by = checkUint64('delta', delta)
  if (options?.initial === undefined) {
    if (options?.ttl !== undefined) {
      const why = 'an existing counter keeps its time to live'
      throw badArgument(`ttl needs initial, as in { initial: 1, ttl: 60 }: ${why}`)
    }
    return countClassic(core, name, key, wireKey, by, options)
  }
  const initial = checkUint64('initial', options.initial)
  const exptime = optionalExptime(options.ttl)
  return core.asOne(name, key, (one) =>
    countFrom(one, name, key, wireKey, by, initial, exptime, options),
  )
}

function countClassic(
  core: ClientCore,
  name: 'incr' | 'decr',
  key: string,
  wireKey: string,
  by: bigint,
  options: OperationOptions | undefined,
): Promise<bigint | undefined> {
  const routeKey = core.keys.routeKey(key)
  return core.submit(
    new Request<bigint | undefined>(verbs[name], routeKey, wireKey, undefined, by),
    options,
  )
}

async function countFrom(
  core: ClientCore,
  name: 'incr' | 'decr',
  key: string,
  wireKey: string,
  by: bigint,
  initial: bigint,
  exptime: number,
  options: OperationOptions,
): Promise<bigint | undefined> {
  const routeKey = core.keys.routeKey(key)
  const deadline = core.deadline(name, options, routeKey)
  if (await deadline.bound(core.speaksMeta(routeKey))) {
    const M = name === 'incr' ? 'I' : 'D'
    const flags: MaFlags = { J: initial, D: by, M }
    return core.submit(
      new Request(META_COUNT, routeKey, wireKey, undefined, flags, undefined, 0, exptime),
      deadline.next(),
    )
  }
  const body = String(initial)
  // Other clients may create the counter before `add`, and delete it again after that.
  for (;;) {
    const counted = await countClassic(core, name, key, wireKey, by, deadline.next())
    if (counted !== undefined) return counted
    const start = new Request<boolean>(
      START,
      routeKey,
      wireKey,
      undefined,
      undefined,
      body,
      0,
      exptime,
    )
    if (await core.submit(start, deadline.next())) return initial
  }
}

function resolveMiss(request: Request): void {
  request.resolve(undefined)
}

function checkUint64(name: string, value: bigint | number): bigint {
  const whole = typeof value === 'bigint' || Number.isSafeInteger(value) ? BigInt(value) : -1n
  if (whole >= 0n && whole <= MAX_UINT64) return whole
  const wanted = 'a bigint or a safe integer, from 0 to 2^64-1'
  const got = typeof value === 'number' || typeof value === 'bigint' ? value : kindOf(value)
  const isOptions = name === 'delta' && typeof value === 'object' && value !== null
  const instead = isOptions ? ', which comes after it: incr(key, 1, { initial: 1 })' : ''
  throw badArgument(`${name} must be ${wanted}, not ${got}${instead}`)
}
