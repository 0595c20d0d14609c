import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { test } from 'node:test'
import { NO_LIMIT_MS } from '../../src/deadline.ts'
import { Debts } from '../../src/hosts/debts.ts'
import { Delivery, type Recipient } from '../../src/hosts/delivery.ts'
import { defaultClusterPolicy } from '../../src/hosts/policy.ts'
import { SingleAttempt } from '../../src/net/attempt.ts'
import type { Lane } from '../../src/net/lane.ts'
import { DELETE_DEBT, Request, type Router, type Verb } from '../../src/net/request.ts'
import { clearTimeout, performance, setTimeout } from '../../src/runtime.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

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

test('a missed change that a host is sent has a time limit that V8 stores as a small integer', () => {
  const debts = new Debts()
  debts.add('key', DELETE_DEBT, 10)
  const sent: Request[] = []
  const recipient: Recipient = {
    ...{ name: 'a host', settings: { ...defaultClusterPolicy, retries: 7 }, hooks: {}, debts },
    usable: true,
    openLane: () => ({ life: 0 }) as Lane,
    put: (_, request) => sent.push(request),
  }
  new Delivery(recipient).start()
  const [request] = sent
  const attempt = new SingleAttempt(request!, ROUTER)
  attempt.begin(1_000)
  assert.equal(request?.finalMs, 1_000 + NO_LIMIT_MS)
  assert.ok(request.finalMs < 2 ** 30, String(request.finalMs))
  assert.equal(attempt.deadlineMs, request.finalMs)
})

test('a timer gets a whole number of milliseconds and never fires early', () => {
  const timer = setTimeout(() => undefined, 5.25)
  const { _idleTimeout: delayMs } = timer as unknown as { _idleTimeout: number }
  clearTimeout(timer)
  assert.equal(delayMs, 6)
})

test('a request without a time limit keeps no process alive', () => {
  const watch = new URL('../../src/net/watch.ts', import.meta.url).href
  const program = `
    import { Watch } from '${watch}'
    new Watch(() => Infinity).by(performance.now() + ${NO_LIMIT_MS})
  `
  const args = [...TYPESCRIPT, '--input-type=module', '--eval', program]
  // Throws if the program does not end.
  execFileSync(process.execPath, args, { timeout: 30_000 })
})
