import { MemcachedClient } from '../client/client.ts'
import type { CopyProgress } from '../client/pump.ts'
import { isMintringError, messageOf } from '../errors.ts'
import { parseServers } from '../hosts/address.ts'
import { type CliIo, exitCodeOf, exitCodes, UsageError } from './io.ts'
import { cliSettings, cliTarget, type TargetValues, wholeNumber } from './target.ts'
import { WarmBar } from './warm-bar.ts'

const MAX_SHOWN_ERRORS = 10
/** How long withdrawing the announcement may take: Ctrl-C ends the run within a second. */
const WITHDRAW_MS = 600

/** The options of `mintring warm` that exclude --from. */
const LOADER_OPTIONS = ['loader', 'keys', 'total', 'ttl'] as const

interface CopyValues extends TargetValues {
  readonly loader?: string | undefined
  readonly keys?: string | undefined
  readonly total?: string | undefined
  readonly ttl?: string | undefined
  readonly concurrency?: string | undefined
  readonly rate?: string | undefined
  readonly 'resume-from'?: string | undefined
  readonly 'from-set'?: readonly string[] | undefined
  readonly json?: boolean | undefined
}

/** Runs `mintring warm --from`. Exits with 1 if a key could not be copied, or a host not listed. */
export async function copyFrom(
  list: string,
  values: CopyValues,
  positionals: readonly string[],
  io: CliIo,
): Promise<number> {
  const wrong = LOADER_OPTIONS.find((name) => values[name] !== undefined)
  if (wrong !== undefined) throw new UsageError(`--${wrong} and --from exclude each other`)
  const previous = { servers: parseServers(list), ...cliSettings('--from-set', values['from-set']) }
  const { servers, behaviors } = cliTarget(values, positionals, io)
  const perSecond = values.rate === undefined ? undefined : wholeNumber('--rate', values.rate, 1, 1)
  const concurrency = wholeNumber('--concurrency', values.concurrency, 16, 1)
  const bar = new WarmBar(io)
  let shown = 0
  let reached: CopyProgress | undefined
  await using cache = new MemcachedClient(servers, { ...behaviors, previous })
  try {
    bar.say('waiting until values may move')
    const done = await cache.warmFromPrevious({
      ...{ concurrency, perSecond, resumeFrom: values['resume-from'], signal: io.signal },
      onProgress: (progress) => {
        const { listed, failed, items } = progress
        reached = progress
        bar.update({ done: listed, before: 0, failed, total: items })
      },
      onError: (error, name) => {
        if (shown++ < MAX_SHOWN_ERRORS) io.err(`${bar.clear()}${name}: ${messageOf(error)}\n`)
      },
    })
    io.out(bar.clear() + summary(done, values.json === true))
    return done.failed > 0 ? exitCodes.failed : exitCodes.ok
  } catch (error) {
    if (!isMintringError(error)) throw error
    const isInterrupted = io.signal?.aborted === true
    const rest = await leave(cache)
    // After Ctrl-C, do not wait for pending commands.
    if (isInterrupted) await cache.close({ drainMs: 0 })
    const why = isInterrupted ? interrupted(reached, values) : `${error.message} (${error.code})`
    io.err(`${bar.clear()}mintring warm: ${why}${rest}\n`)
    return isInterrupted ? exitCodes.interrupted : exitCodeOf(error)
  }
}

/**
 * Withdraws the announcement of the change, so that clients of the new servers are not bound by it.
 * Returns a sentence that says what remains of the change.
 */
async function leave(cache: MemcachedClient): Promise<string> {
  const { handovers } = cache['_core'].cluster
  const endsAtMs = handovers.current?.endsAtMs
  const left = await handovers.withdraw(WITHDRAW_MS)
  if (left === 'withdrawn') return '. The announcement of the change is withdrawn'
  if (left === 'none' || endsAtMs === undefined) return ''
  return (
    `. The change of servers stays in progress until ${new Date(endsAtMs).toISOString()}: ` +
    'leave the previous servers running until then. Clients that have only the new servers and ' +
    'cannot know the previous ones reject changes of keys that move: set their behavior previous'
  )
}

/** Describes how far an interrupted run came, and how to continue. */
function interrupted(reached: CopyProgress | undefined, values: CopyValues): string {
  const far = reached === undefined ? 'before values may move' : `after ${summary(reached, false)}`
  const log = values['resume-from'] === undefined ? ' with --resume-from LOG' : ''
  return `interrupted ${far.trimEnd()}. Run it again${log} to continue: it skips what is copied`
}

function summary(done: CopyProgress, isJson: boolean): string {
  if (isJson) return `${JSON.stringify(done)}\n`
  const { listed, moved, copied, there, absent, failed } = done
  const counts = `${copied} copied, ${there} already there, ${absent} gone, ${failed} failed`
  return `${listed} keys, of which ${moved} move: ${counts}\n`
}
