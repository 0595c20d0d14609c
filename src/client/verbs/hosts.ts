import type { OptionNames } from '../../arguments.ts'
import { badArgument, OPERATION_OPTIONS } from '../../arguments.ts'
import { commandTrace } from '../../channels.ts'
import { isMintringError, type MintringError } from '../../errors.ts'
import type { Host } from '../../hosts/host.ts'
import { refuse } from '../../net/refusal.ts'
import type { Attempt, Sink, Verb } from '../../net/request.ts'
import { Request, verbOf } from '../../net/request.ts'
import {
  cacheMemlimitHead,
  flushAllHead,
  shutdownHead,
  statsHead,
  verbosityHead,
  versionHead,
} from '../../protocol/admin.ts'
import { ReplyKind } from '../../protocol/reply-kind.ts'
import { wordsOf } from '../../protocol/words.ts'
import { escaped, kindOf } from '../../secrets.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions } from '../options.ts'
import { applyOptions, checkOptions } from '../options.ts'
import { allFailed, Outcomes } from '../outcomes.ts'
import { traceHostRequest } from '../trace.ts'

/** A statistic: a number (a bigint beyond 2^53) if it is one, else the server's text. */
export type StatValue = number | bigint | string

/** The statistics of one section of one host, under the server's names. */
export type Stats = Readonly<Record<string, StatValue>>

/** A command with a one-line reply: OK, or a text such as `MEMLIMIT …`. */
const LINE: Omit<Verb, 'name'> = {
  effect: 'change',
  repeatable: false,
  words: wordsOfLine,
  encode: encodeLine,
  accept(request, reply) {
    if (reply.kind === ReplyKind.Ok) request.resolve('OK')
    else if (reply.kind === ReplyKind.Line) request.resolve(reply.text())
    else return refuse(request, reply)
    return true
  },
}

const FLUSH: Verb = verbOf({ ...LINE, name: 'flush_all', effect: 'flush' })

const VERSION: Verb = verbOf({
  name: 'version',
  effect: 'read',
  repeatable: true,
  encode: encodeLine,
  accept(request, reply) {
    if (reply.kind !== ReplyKind.Version) return refuse(request, reply)
    request.resolve(reply.rest())
    return true
  },
})

const STATS: Verb = verbOf({
  name: 'stats',
  effect: 'read',
  repeatable: true,
  encode: encodeLine,
  accept(request, reply, attempt) {
    const stats = statsOf(request, attempt)
    switch (reply.kind) {
      case ReplyKind.Stat: {
        const line = reply.rest()
        const space = line.indexOf(' ')
        if (space > 0) stats[line.slice(0, space)] = statValue(line.slice(space + 1))
        return false
      }
      case ReplyKind.Line: {
        // `stats detail dump` replies `PREFIX <name> …`, `stats cachedump` `ITEM <key> …`.
        const [, name = '', ...rest] = reply.text().split(' ')
        stats[name] = rest.join(' ')
        return false
      }
      case ReplyKind.End:
      case ReplyKind.Reset:
      case ReplyKind.Ok:
        request.resolve(stats)
        return true
      default:
        return refuse(request, reply)
    }
  },
})

interface StatsSoFar {
  of: Attempt | undefined
  stats: Record<string, StatValue>
}

/** Returns the statistics of this attempt; a retry starts with none. */
function statsOf(request: Request, attempt: Attempt): Record<string, StatValue> {
  const context = request.context as StatsSoFar
  if (context.of !== attempt) Object.assign(context, { of: attempt, stats: Object.create(null) })
  return context.stats
}

const FLUSH_OPTIONS: OptionNames = new Set([...OPERATION_OPTIONS, 'delay'])

/** Reads the version of every host. */
export function version(
  core: ClientCore,
  options: OperationOptions | undefined,
): Promise<Outcomes<string>> {
  checkOptions('version', options)
  return askAll(core, () => hostRequest<string>(VERSION, versionHead()), options)
}

/** Reads one section of the statistics of every host. */
export function stats(
  core: ClientCore,
  section: string | undefined,
  options: OperationOptions | undefined,
): Promise<Outcomes<Stats>> {
  checkOptions('stats', options)
  if (section !== undefined && typeof section !== 'string') {
    throw badArgument(
      `stats() takes the name of a section first, such as 'items', not ${kindOf(section)}`,
    )
  }
  return askAll(core, () => statsRequest(section), options)
}

/** Reads the statistics of one host, which may have left the server list. */
export function statsOfHost(core: ClientCore, host: Host, section?: string): Promise<Stats> {
  return ask(core, host, statsRequest(section), undefined)
}

function statsRequest(section: string | undefined): Request<Stats> {
  const head = statsHead(...((section?.split(' ') ?? []) as [string?, ...string[]]))
  return hostRequest<Stats>(STATS, head, { of: undefined, stats: {} })
}

/** Sends a command line to every host; resolves to their replies. */
export function command(
  core: ClientCore,
  head: string,
  options: OperationOptions | undefined,
): Promise<Outcomes<string>> {
  const verb: Verb = verbOf({ ...LINE, name: wordsOf(head)[0]! })
  return askAll(core, () => hostRequest<string>(verb, head), options)
}

export function flushAll(
  core: ClientCore,
  options: (OperationOptions & { readonly delay?: number | undefined }) | undefined,
): Promise<Outcomes<string>> {
  checkOptions('flushAll', options, FLUSH_OPTIONS)
  const head = flushAllHead(options?.delay)
  return askAll(core, () => hostRequest<string>(FLUSH, head), options)
}

export function verbosity(
  core: ClientCore,
  level: number,
  options: OperationOptions | undefined,
): Promise<Outcomes<string>> {
  checkOptions('verbosity', options)
  return command(core, verbosityHead(level), options)
}

export function cacheMemlimit(
  core: ClientCore,
  megabytes: number,
  options: OperationOptions | undefined,
): Promise<Outcomes<string>> {
  checkOptions('cacheMemlimit', options)
  return command(core, cacheMemlimitHead(megabytes), options)
}

/** Shuts down one server. The caller must name it: no call shuts down all of them. */
export async function shutdown(
  core: ClientCore,
  name: string,
  graceful: boolean,
  options: OperationOptions | undefined,
): Promise<void> {
  const request = hostRequest<string>({ ...LINE, name: 'shutdown' }, shutdownHead(graceful))
  try {
    await ask(core, hostNamed(core, name), request, options)
  } catch (error) {
    // A server that shuts down closes the connection instead of replying.
    if (!isMintringError(error) || error.code !== 'MINTRING_CONNECTION' || !error.sent) throw error
  }
}

/** Returns the host with that name or address. Throws MINTRING_BAD_ARGUMENT when there is none. */
export function hostNamed(core: ClientCore, name: string): Host {
  const host = core.cluster.hosts.find((one) => one.name === name || one.address === name)
  if (host !== undefined) return host
  const known = core.cluster.hosts.map((one) => one.name).join(', ')
  if (typeof name !== 'string') throw badArgument(`name a host, one of ${known}`)
  throw badArgument(`no host is named '${escaped(name, 100)}'; the hosts are ${known}`)
}

/** Sends a request to one host, without fallback. */
export function ask<Result, Context>(
  core: ClientCore,
  host: Host,
  request: Request<Result, Context>,
  options: OperationOptions | undefined,
): Promise<Result> {
  if (options !== undefined) applyOptions(request as Request, options)
  if (commandTrace.hasSubscribers) return traceHostRequest(core, request, host)
  core.cluster.dispatchTo(host, request as Request)
  return request.promise
}

/** Encodes a request whose command line is complete: it was built from checked arguments. */
export function encodeLine({ args }: Request, out: Sink): void {
  out.text(args as string)
}

/** Returns the words of such a command line, as they are sent: `['stats', 'items']`. */
export function wordsOfLine({ args }: Request): readonly string[] {
  return wordsOf(args as string)
}

export function hostRequest<Result>(verb: Verb, head: string, context?: unknown): Request<Result> {
  return new Request<Result>(verb, undefined, '', context, head)
}

/** Queries all hosts at once. Rejects only when every host failed. */
async function askAll<Result>(
  core: ClientCore,
  make: () => Request<Result>,
  options: OperationOptions | undefined,
): Promise<Outcomes<Result>> {
  const { hosts } = core.cluster
  const asked = hosts.map((host) => ask(core, host, make(), options))
  const outcomes = new Outcomes<Result>()
  for (const [index, answer] of (await Promise.allSettled(asked)).entries()) {
    const { name } = hosts[index]!
    if (answer.status === 'fulfilled') outcomes.set(name, answer.value)
    else outcomes.failed.set(name, answer.reason as MintringError)
  }
  const error = outcomes.size === 0 ? allFailed(outcomes.failed.values()) : undefined
  if (error !== undefined) throw error
  return outcomes
}

function statValue(text: string): StatValue {
  if (/^-?\d{1,20}$/.test(text)) {
    const number = Number(text)
    return Number.isSafeInteger(number) ? number : BigInt(text)
  }
  return /^-?\d+\.\d+$/.test(text) ? Number(text) : text
}
