import { checkOptionNames } from '../arguments.ts'
import { isTraced } from '../channels.ts'
import { checkSignal } from '../deadline.ts'
import { MintringError, messageOf } from '../errors.ts'
import type { Handover, HandoverSnapshot } from '../hosts/handover.ts'
import type { Host } from '../hosts/host.ts'
import { clearInterval, setInterval, setTimeout } from '../runtime.ts'
import type { ClientCore } from './core.ts'
import { type CopyProgress, Pump, type PumpHost, type PumpTarget } from './pump.ts'
import { PumpLog } from './pump-log.ts'
import { type BatchCount, traceBatch } from './trace.ts'
import { dumpOf } from './verbs/dumps.ts'
import { statsOfHost } from './verbs/hosts.ts'
import { checkWarm, type WarmOptions } from './warm-options.ts'

/** The options of warmFromPrevious(); the same as those of warm() where the names are the same. */
export type CopyOptions = Pick<
  WarmOptions,
  'concurrency' | 'perSecond' | 'resumeFrom' | 'signal' | 'onError'
> & {
  /** Called with the progress about ten times a second, and at the end. */
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined
}

const KNOWN: ReadonlySet<string> = new Set<keyof CopyOptions>([
  ...(['concurrency', 'perSecond', 'resumeFrom', 'signal', 'onError', 'onProgress'] as const),
])
const LOOK_MS = 100

/** Copies all moving values, and traces the copy as one operation. */
export async function warmFromPrevious(
  core: ClientCore,
  options: CopyOptions = {},
): Promise<CopyProgress> {
  checkOptionNames('warmFromPrevious', options, KNOWN)
  checkWarm(() => {}, options as WarmOptions)
  if (!isTraced()) return copyAll(core, options)
  const counts = { size: 0, hits: 0, failed: 0 }
  const onProgress = (progress: CopyProgress): void => {
    const { moved, copied, there, absent, failed } = progress
    Object.assign(counts, { size: moved, hits: copied + there + absent, failed })
    options.onProgress?.(progress)
  }
  const run = (): Promise<CopyProgress> => copyAll(core, { ...options, onProgress })
  const reached = (): BatchCount => counts
  return traceBatch(core, 'warm', [], run, reached, reached)
}

async function copyAll(core: ClientCore, options: CopyOptions): Promise<CopyProgress> {
  const { signal, resumeFrom } = options
  const { handover, snapshot } = await untilMoving(core, signal)
  const { fromServers: from, toServers: to, endsAtMs } = snapshot
  const log = resumeFrom === undefined ? undefined : new PumpLog(resumeFrom, { from, to, endsAtMs })
  const ending = new AbortController()
  const watch = setInterval(() => {
    if (core.cluster.handover?.phase !== 'move') ending.abort()
  }, LOOK_MS)
  const both = signal === undefined ? ending.signal : AbortSignal.any([signal, ending.signal])
  const hosts = handover.dialled.map((host) => pumpHost(core, host))
  try {
    return await new Pump(hosts, targetOf(core), { ...options, signal: both, log }).run()
  } catch (error) {
    if (!ending.signal.aborted || signal?.aborted === true) throw error
    const why = 'The handover ended before all values were copied: use a longer handover'
    throw new MintringError('MINTRING_TIMEOUT', `${why}. ${messageOf(error)}`, { cause: error })
  } finally {
    clearInterval(watch)
    log?.close()
  }
}

/** Waits until values may move: every process must know of the change first. */
async function untilMoving(
  core: ClientCore,
  signal: AbortSignal | undefined,
): Promise<{ readonly handover: Handover; readonly snapshot: HandoverSnapshot }> {
  for (;;) {
    if (signal !== undefined) checkSignal(signal)
    const { handover } = core.cluster
    if (handover === undefined) throw nothingMoves()
    const { snapshot } = handover
    if (snapshot?.phase === 'move') return { handover, snapshot }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

function nothingMoves(): MintringError {
  const text =
    'No handover is in progress. ' +
    'Call warmFromPrevious() after setServers(), or on a client created with previous'
  return new MintringError('MINTRING_BAD_ARGUMENT', text)
}

function pumpHost(core: ClientCore, host: Host): PumpHost {
  return {
    name: host.name,
    stats: (section) => statsOfHost(core, host, section),
    mgdump: (range, signal) => dumpOf(core, host, 'mgdump', range, signal),
    metadump: (range, signal) => dumpOf(core, host, 'metadump', range, signal),
  }
}

function targetOf(core: ClientCore): PumpTarget {
  const { keyPrefix, previous } = core.behaviors
  const prefix = previous?.keyPrefix ?? keyPrefix
  return {
    moves(key, host) {
      const { handover } = core.cluster
      if (!key.startsWith(prefix) || handover === undefined) return false
      const names = namesOf(core, key.slice(prefix.length))
      if (names === undefined || (prefix === keyPrefix && names.key !== key)) return false
      return handover.previousHomeOf(names.routeKey)?.name === host
    },
    async copy(key) {
      const { routeKey, wireKey } = namesOf(core, key.slice(prefix.length))!
      const outcome = await core.cluster.handover?.copyKey(routeKey, wireKey)
      if (outcome === 'held') return 'there'
      return outcome === 'copied' || outcome === 'there' ? outcome : 'absent'
    },
  }
}

interface Names {
  readonly routeKey: string
  readonly wireKey: string
  /** The wire key as text. */
  readonly key: string
}

/** Returns a key as the ring and the server get it; undefined if the client refuses the key. */
function namesOf(core: ClientCore, key: string): Names | undefined {
  try {
    const wireKey = core.keys.wireKey(key)
    const text = Buffer.from(wireKey, 'latin1').toString('utf8')
    return { routeKey: core.keys.routeKey(key), wireKey, key: text }
  } catch {
    return undefined
  }
}
