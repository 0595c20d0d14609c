import { isMintringError, type MintringError } from '../../src/index.ts'
import type { Report } from './report.ts'

/** How much later than its deadline a call may settle, in milliseconds of a free event loop. */
const SLACK_MS = 50

/** Errors that no network fault explains: client and server misread each other. */
const CONVERSATION: ReadonlySet<string> = new Set([
  'MINTRING_PROTOCOL',
  'MINTRING_REFUSED',
  'MINTRING_BAD_VALUE',
  'MINTRING_UNSUPPORTED',
])

/** The outcome of a call: a result, or an error of the client. */
export type Settled<Result> =
  | { readonly result: Result; readonly error?: undefined }
  | { readonly result?: undefined; readonly error: MintringError }

/** What a caller shares with the calls that it makes. */
export interface Caller {
  readonly report: Report
  /** Whether one of its calls failed since it last paused. */
  hasFailed: boolean
}

/** Makes a call; checks that it settles in time and fails only with an allowed error. */
export async function settle<Result>(
  caller: Caller,
  name: string,
  limitMs: number,
  call: () => Promise<Result>,
): Promise<Settled<Result>> {
  const { report } = caller
  report.issued++
  const startMs = report.clock.freeMs
  let settled: Settled<Result>
  try {
    settled = { result: await call() }
  } catch (error) {
    if (!isMintringError(error)) throw error
    settled = { error }
    noteError(report, name, error)
  }
  const tookMs = report.clock.freeMs - startMs
  report.settled++
  if (tookMs > limitMs + SLACK_MS) {
    const how = settled.error?.code ?? 'done'
    const what = `${name} took ${Math.round(tookMs)} ms of ${limitMs}: ${how}`
    report.add('late', what, name.split(' ')[1])
  }
  caller.hasFailed ||= settled.error !== undefined
  return settled
}

export function noteError(report: Report, name: string, error: MintringError): void {
  report.errors[error.code] = (report.errors[error.code] ?? 0) + 1
  if (CONVERSATION.has(error.code)) {
    report.add('protocol', `${name} rejected: ${error.code} ${error.message}`)
  }
}
