import { isMintringError, MintringError } from '../../errors.ts'
import type { Host } from '../../hosts/host.ts'
import type { Request } from '../../net/request.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions } from '../options.ts'
import { checkOptions } from '../options.ts'
import { ask } from './hosts.ts'

/** Keys on their way at once: a huge batch is streamed in windows, so that memory stays flat. */
const WINDOW_KEYS = 16_384

/** Failures of a host, after which another one may be asked. */
const RETRYABLE: ReadonlySet<string> = new Set([
  'MINTRING_CONNECTION',
  'MINTRING_HOST_EJECTED',
  'MINTRING_PROTOCOL',
  'MINTRING_TIMEOUT',
])

/** The keys of a batch, each checked, in the order asked. */
export interface ManyKeys {
  readonly keys: readonly string[]
  readonly wireKeys: readonly string[]
}

/** The different keys of a batch, checked before any of them is asked. */
export function checkKeys(core: ClientCore, keys: Iterable<string>): ManyKeys {
  if (typeof keys === 'string' || typeof keys?.[Symbol.iterator] !== 'function') {
    throw new MintringError('MINTRING_BAD_ARGUMENT', 'keys must be an array or another iterable')
  }
  const distinct = [...new Set(keys)]
  return { keys: distinct, wireKeys: distinct.map((key) => core.keys.wireKey(key)) }
}

/** All positions of a batch. */
export function allOf(batch: ManyKeys): number[] {
  return batch.keys.map((_, position) => position)
}

/** What one verb does with a part of a batch. Positions are into the batch's keys. */
export interface ManyVerb {
  readonly isRead: boolean
  /** Where the next request must end, so that it stays within a line or a write. */
  cut(positions: readonly number[], first: number): number
  /** One request for these keys, which writes the outcome of each where the verb keeps them. */
  request(positions: readonly number[]): Request<void>
  /** One key alone, routed like any other operation: with fallback, gutter and journal. */
  single(position: number, options: OperationOptions): Promise<void>
}

/**
 * Runs a batch: split by host, in one request per line, answers matched by position. What a host
 * does not answer is asked where it goes next, within the time one operation has. Resolves to the
 * positions that got no answer, with the reason.
 */
export async function runMany(
  core: ClientCore,
  batch: ManyKeys,
  positions: readonly number[],
  verb: ManyVerb,
  options: OperationOptions | undefined,
): Promise<Map<number, MintringError>> {
  checkOptions(options)
  const failed = new Map<number, MintringError>()
  const endMs = options?.timeoutMs === undefined ? 0 : performance.now() + options.timeoutMs
  for (let first = 0; first < positions.length; first += WINDOW_KEYS) {
    const run = new ManyRun(core, batch, verb, options, endMs)
    const errors = await run.run(positions.slice(first, first + WINDOW_KEYS))
    for (const [position, error] of errors) failed.set(position, error)
  }
  return failed
}

/** One window of a batch, over all its attempts. */
class ManyRun {
  readonly #core: ClientCore
  readonly #batch: ManyKeys
  readonly #verb: ManyVerb
  readonly #options: OperationOptions | undefined
  readonly #endMs: number
  readonly #errors = new Map<number, MintringError>()
  /** The host that just failed a key, so that its next attempt goes elsewhere. */
  readonly #excluded = new Map<number, Host>()
  /** Keys for another attempt. */
  #again: number[] = []
  /** Keys that cannot be part of a group. */
  readonly #alone: number[] = []

  constructor(
    core: ClientCore,
    batch: ManyKeys,
    verb: ManyVerb,
    options: OperationOptions | undefined,
    endMs: number,
  ) {
    const { requestTimeoutMs, retries } = core.behaviors
    this.#core = core
    this.#batch = batch
    this.#verb = verb
    this.#options = options
    this.#endMs = endMs > 0 ? endMs : performance.now() + requestTimeoutMs * (1 + retries)
  }

  async run(positions: readonly number[]): Promise<Map<number, MintringError>> {
    const { retries } = this.#core.behaviors
    // Writes that do not go home need what the cluster does for single ones: one group, then alone.
    const attempts = this.#verb.isRead ? 1 + retries : 1
    let pending = positions
    for (let attempt = 0; attempt < attempts && pending.length > 0; attempt++) {
      this.#again = []
      await this.#attempt(pending)
      pending = this.#again
    }
    const isLeftAlone = !this.#verb.isRead && retries > 0
    const alone = isLeftAlone ? [...this.#alone, ...pending] : this.#alone
    await Promise.all(alone.map((position) => this.#askAlone(position)))
    return this.#errors
  }

  async #attempt(positions: readonly number[]): Promise<void> {
    const asked: Promise<void>[] = []
    for (const [host, mine] of this.#byHost(positions)) {
      for (let first = 0; first < mine.length; ) {
        const end = this.#verb.cut(mine, first)
        const isAll = first === 0 && end === mine.length
        asked.push(this.#ask(host, isAll ? mine : mine.slice(first, end)))
        first = end
      }
    }
    await Promise.all(asked)
  }

  #byHost(positions: readonly number[]): Map<Host, number[]> {
    const groups = new Map<Host, number[]>()
    const { cluster, keys } = this.#core
    const mayBeAway = !this.#verb.isRead && !cluster.hosts.every((host) => host.usable)
    for (const position of positions) {
      const routeKey = keys.routeKey(this.#batch.keys[position]!)
      const host = cluster.hostFor(routeKey, this.#excluded.get(position))
      if (host === undefined || (mayBeAway && host !== cluster.homeOf(routeKey))) {
        this.#alone.push(position)
        continue
      }
      const group = groups.get(host)
      if (group === undefined) groups.set(host, [position])
      else group.push(position)
    }
    return groups
  }

  async #ask(host: Host, positions: readonly number[]): Promise<void> {
    const request = this.#verb.request(positions)
    try {
      await ask(this.#core, host, request, this.#remaining())
      if (this.#errors.size > 0) for (const position of positions) this.#errors.delete(position)
    } catch (error) {
      const known = asFateOfKeys(error)
      const isRetryable = RETRYABLE.has(known.code) && this.#isRepeatable(known)
      for (const position of positions) {
        this.#errors.set(position, known)
        this.#excluded.set(position, host)
        if (isRetryable) this.#again.push(position)
      }
    }
  }

  async #askAlone(position: number): Promise<void> {
    try {
      await this.#verb.single(position, this.#remaining())
      this.#errors.delete(position)
    } catch (error) {
      this.#errors.set(position, asFateOfKeys(error))
    }
  }

  #isRepeatable(error: MintringError): boolean {
    return this.#verb.isRead || !error.sent || this.#core.behaviors.retryWrites
  }

  /** The caller's options with what is left of the time. */
  #remaining(): OperationOptions {
    const timeoutMs = Math.max(1, this.#endMs - performance.now())
    return { signal: this.#options?.signal, timeoutMs }
  }
}

/** What ends the whole batch is thrown; the rest is the fate of some of its keys. */
function asFateOfKeys(error: unknown): MintringError {
  const isOver = !isMintringError(error) || error.code === 'MINTRING_ABORTED'
  if (isOver || error.code === 'MINTRING_CLOSED') throw error
  return error
}
