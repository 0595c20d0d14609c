import type { MintringError } from '../errors.ts'
import { timeoutError } from '../net/attempt.ts'
import type { Request } from '../net/request.ts'
import { clearTimeout, performance, setTimeout } from '../runtime.ts'
import type { Host } from './host.ts'

/**
 * Holds a request that must not be sent to `host` before `wait` resolves. Its time runs meanwhile.
 * Calls either `go`, or `fail` with when this try began: also if its time is over, or `wait`
 * rejects.
 */
export function hold(
  request: Request,
  host: Host,
  wait: Promise<void>,
  go: () => void,
  fail: (error: MintringError, startMs: number) => void,
): void {
  const startMs = performance.now()
  request.finalMs = request.endMs(startMs)
  // An earlier attempt may still be in a queue: if it were sent too, the command would run twice.
  request.attempt = undefined
  let isOver = false
  const failed = (error: MintringError): void => {
    if (isOver) return
    isOver = true
    if (!request.settled) fail(error, startMs)
  }
  const timer = setTimeout(
    () => failed(timeoutError(request, host, startMs)),
    request.finalMs - startMs,
  )
  const waited = (): void => {
    // After its time it was retried or rejected.
    if (!isOver) go()
  }
  void wait.then(waited, failed).finally(() => clearTimeout(timer))
}
