import { AsyncLocalStorage } from 'node:async_hooks'
import type { Cluster } from '../hosts/cluster.ts'
import type { Host } from '../hosts/host.ts'
import type { Request } from '../net/request.ts'
import type { Item, Reader, StoreAnswer } from '../refill/store.ts'
import { bytesOfChunks } from './chunks.ts'

/**
 * Records that a read of a batch starts on a host. Returns a function to call with the attempts and
 * bytes of the read, and its error, when it ends.
 */
export type BeginPart = (
  command: string,
  host: Host,
) => (attempts: number, bytes: number, error?: unknown) => void

/** What a call sent and received until it ended. Work that it left behind no longer counts. */
export class Call {
  /** How many attempts its commands made on hosts. */
  attempts = 0
  /** The bytes of its values on the wire, read or written. */
  bytes = 0
  /** The host that replied last, or failed. */
  host: Host | undefined = undefined
  /** Traces the parts of a batch; undefined for a call with one key. */
  readonly begin: BeginPart | undefined

  constructor(begin?: BeginPart) {
    this.begin = begin
  }

  /** Runs the call. The commands of refills that start inside, also later, belong to it. */
  async run<Result>(run: () => Promise<Result>): Promise<Result> {
    callsInProgress++
    try {
      return await running.run(this, run)
    } finally {
      callsInProgress--
    }
  }

  /** Adds a command that ended. */
  note(request: Request, bytes = 0): void {
    this.attempts += request.attempts
    this.bytes += bytes
    const host = request.attempt?.router as Host | undefined
    if (host !== undefined) this.host = host
  }

  /** Adds a command that ended, for a key other than the call's own, such as one of its tags. */
  noteAside({ attempts }: Request): void {
    this.attempts += attempts
  }
}

const running = new AsyncLocalStorage<Call>()
/** Commands skip the lookup of their call while this is 0, as it is without subscribers. */
let callsInProgress = 0

/** Returns the traced call that the running code belongs to. */
export function runningCall(): Call | undefined {
  return callsInProgress === 0 ? undefined : running.getStore()
}

/** Runs a loader outside the call that needs it, so that its commands do not belong to the call. */
export function outsideCall<Loader>(loader: Loader): Loader {
  if (typeof loader !== 'function') return loader
  return ((...args: unknown[]) => running.exit(() => loader(...args))) as Loader
}

/** Adds the read of a refill to the call that started it. */
export function traceRead(cluster: Cluster, request: Request): void {
  const call = runningCall()
  if (call === undefined) return
  const { routeKey } = request
  const reader = request.receiver as Reader
  const host = cluster.hostFor(routeKey!)
  const end = host === undefined ? undefined : call.begin?.(request.verb.name, host)
  const ended = (bytes: number, error?: unknown): void => {
    call.note(request, bytes)
    end?.(request.attempts, bytes, error)
  }
  // The replies of a connection arrive in the context of the call that opened it.
  const traced: Reader = {
    answered(item) {
      ended(sizeOf(item))
      return running.run(call, () => reader.answered(item))
    },
    failed(error) {
      ended(0, error)
      return running.run(call, () => reader.failed(error))
    },
  }
  request.receiver = traced
}

/** Waits for commands of a refill, and adds them to the call that sent them. */
export async function traceAnswers(
  requests: readonly Request<StoreAnswer>[],
  answers: Promise<StoreAnswer[]>,
): Promise<StoreAnswer[]> {
  const call = runningCall()
  if (call === undefined) return answers
  const written = requests.map(({ body }) => body?.length ?? 0)
  try {
    const all = await answers
    for (const [at, { found, size }] of all.entries()) if (found) written[at]! += size
    return all
  } finally {
    for (const [at, request] of requests.entries()) call.note(request as Request, written[at])
  }
}

/** What the commands of a batch sent and received. */
export interface Sent {
  /** How many attempts they made on hosts. */
  attempts: number
  /** The bytes of the values that were read. */
  bytes: number
}

/** Adds a command to what its batch sent, when it ends. Returns its result. */
export function noteSent<Result>(
  sent: Sent,
  request: Pick<Request, 'attempts' | 'context'>,
  result: Promise<Result>,
): Promise<Result> {
  const note = (): void => {
    const { size } = Object(request.context) as { readonly size?: unknown }
    sent.attempts += request.attempts
    if (typeof size === 'number') sent.bytes += size
  }
  result.then(note, note)
  return result
}

function sizeOf(item: Item): number {
  if (!item.found) return 0
  const { flags, size } = item
  return size + bytesOfChunks(flags, size, () => Buffer.from(item.bytes()).toString('latin1'))
}
