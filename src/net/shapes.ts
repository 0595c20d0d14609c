import { SingleAttempt } from './attempt.ts'
import { Request, type Router, verbOf } from './request.ts'

/**
 * V8 compiles a field that never changed as a constant, and drops all code that uses the field at
 * its first change. So the fields that rarely change do so when this module loads, instead of in
 * the middle of a handover: each process would be slow for seconds then.
 */
const verb = verbOf({ name: 'none', effect: 'read', repeatable: true, accept: () => true })
const request = new Request(verb, undefined, '', undefined)
request.binding = 'host'
request.ordered = true
request.bounds = { timeoutMs: 1 }
request.times = { requestTimeoutMs: 1, retries: 0 }
request.failedBefore()
const attempt = new SingleAttempt(request, {} as Router)
attempt.lock = 'next'
attempt.isUnchanged = true

/** So often that V8 notes what it sees in `bounds`. */
const RUNS = 50
for (let i = 0; i < RUNS; i++) {
  request.finalMs = 0
  attempt.begin(1)
}
