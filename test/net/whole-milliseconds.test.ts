import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SingleAttempt } from '../../src/net/attempt.ts'
import { Request, type Router, type Verb } from '../../src/net/request.ts'
import { clearTimeout, performance, setTimeout } from '../../src/runtime.ts'

const VERB: Verb = { name: 'get', effect: 'read', repeatable: true, accept: () => true }
const ROUTER: Router = { name: 'a host', maxTtlSeconds: 0, failed: () => undefined }

function begun(nowMs: number, timeoutMs: number): SingleAttempt {
  const request: Request = new Request(VERB, 'key', 'key', undefined)
  request.promise.catch(() => undefined)
  request.times = { requestTimeoutMs: 100, retries: 1 }
  if (timeoutMs > 0) request.bounds = { timeoutMs }
  const attempt = new SingleAttempt(request, ROUTER)
  attempt.begin(nowMs)
  return attempt
}

test('a request and its attempt time out at whole milliseconds, so that their optimized code stays valid', () => {
  for (const [nowMs, timeoutMs] of [
    [1_000, 0],
    [1_000.25, 0],
    [1_000, 30.5],
  ] as const) {
    const attempt = begun(nowMs, timeoutMs)
    assert.ok(Number.isInteger(attempt.request.finalMs), `${nowMs} ${timeoutMs}`)
    attempt.expire(performance.now() + 1_000.5, 100.5)
    assert.ok(Number.isInteger(attempt.deadlineMs), `${nowMs} ${timeoutMs}`)
  }
})

test('a timer gets a whole number of milliseconds and never fires early', () => {
  const timer = setTimeout(() => undefined, 5.25)
  const { _idleTimeout: delayMs } = timer as unknown as { _idleTimeout: number }
  clearTimeout(timer)
  assert.equal(delayMs, 6)
})
