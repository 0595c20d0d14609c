import { commandTrace, isTraced, wasReported } from '../channels.ts'
import type { ClientCore } from './core.ts'
import { traceBatch, traceKey } from './trace.ts'

/** How a verb is reported: its name on the channels, and what its first argument is. */
interface Reported {
  readonly command: string
  readonly takes: 'key' | 'keys' | 'other'
}

/** Verbs whose first argument is no key, by the name of the command that they send. */
const OTHERS: Readonly<Record<string, string>> = {
  version: 'version',
  stats: 'stats',
  verbosity: 'verbosity',
  flushAll: 'flush_all',
  cacheMemlimit: 'cache_memlimit',
  slabs: 'slabs',
  lru: 'lru',
  lruCrawler: 'lru_crawler',
  shutdown: 'shutdown',
  raw: 'raw',
  mn: 'mn',
  metadump: 'metadump',
  mgdump: 'mgdump',
  watch: 'watch',
}

/** Verbs over many keys, by the name of their batch. */
const BATCHES: Readonly<Record<string, string>> = {
  getMany: 'getMany',
  getManyDetailed: 'getMany',
  setMany: 'setMany',
  deleteMany: 'deleteMany',
  getOrSetMany: 'getOrSetMany',
  invalidateTags: 'invalidateTags',
  tagVersions: 'tagVersions',
  warm: 'warm',
  warmFromPrevious: 'warm',
}

/** Methods that return a promise, but are no operation on the cache: also private ones. */
const NO_OPERATION = /^(_|close$|discover$)/

function reportedAs(verb: string, first: unknown): Reported | undefined {
  if (NO_OPERATION.test(verb)) return undefined
  const other = OTHERS[verb]
  if (other !== undefined) return { command: other, takes: 'other' }
  const batch = BATCHES[verb]
  if (batch !== undefined) return { command: batch, takes: 'keys' }
  if (verb === 'invalidate' && Array.isArray(first)) return { command: verb, takes: 'keys' }
  return { command: verb === 'getOrSetEntry' ? 'getOrSet' : verb, takes: 'key' }
}

/**
 * Reports a verb that rejected before it was traced as an operation of its own, such as one with an
 * invalid argument. Returns the promise of the verb. Does nothing without subscribers.
 */
export function reportRejection<Result>(
  core: ClientCore,
  verb: string,
  given: readonly unknown[],
  answer: Result,
): Result {
  if (!isTraced() || !(answer instanceof Promise)) return answer
  return answer.catch((error: unknown) => {
    return wasReported(error) ? Promise.reject(error) : rejected(core, verb, given, error)
  }) as Result
}

/** Does the same as reportRejection() for a verb that streams. */
export async function* reportStream<Item>(
  core: ClientCore,
  verb: string,
  items: AsyncGenerator<Item, void, undefined>,
): AsyncGenerator<Item, void, undefined> {
  try {
    yield* items
  } catch (error) {
    if (!wasReported(error)) return rejected(core, verb, [], error)
    throw error
  }
}

/** Reports a verb that rejects before it sends anything; returns its rejection. */
export function rejected(
  core: ClientCore,
  verb: string,
  [first]: readonly unknown[],
  error: unknown,
): Promise<never> {
  const reported = isTraced() ? reportedAs(verb, first) : undefined
  if (reported === undefined) return Promise.reject(error)
  const { command, takes } = reported
  if (takes === 'keys') {
    const keys = Array.isArray(first) ? [...new Set(first)] : []
    const count = { size: keys.length, hits: 0, failed: keys.length, attempts: 0 }
    return traceBatch(
      core,
      command,
      keys,
      () => Promise.reject(error),
      () => count,
      () => count,
    )
  }
  if (!commandTrace.hasSubscribers) return Promise.reject(error)
  const key = (takes === 'key' ? first : undefined) as string
  const fail = (message: { attempts?: number }): Promise<never> => {
    message.attempts = 0
    return Promise.reject(error)
  }
  return traceKey(core, command, key, fail, () => 'ok')
}
