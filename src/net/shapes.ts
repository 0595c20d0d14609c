// Import Buffer from the module: the global Buffer is a getter, which would run at each use.
import { Buffer } from 'node:buffer'
import { MintringError } from '../errors.ts'
import { Reply } from '../protocol/reply.ts'
import { readHitLine } from '../protocol/reply-hit.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { readLine } from '../protocol/reply-line.ts'
import { SingleAttempt } from './attempt.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import { InflightQueue } from './inflight.ts'
import { Outbox } from './outbox.ts'
import { Request, type Router, verbOf } from './request.ts'

/**
 * V8 compiles a field that never changed as a constant, and leaves out branches that never ran. At
 * the first change and the first run it drops all code that relied on that. So this module does
 * once what requests and connections do rarely, when it loads: in the middle of a change of servers
 * each process would be slow for seconds.
 */
const verb = verbOf({ name: 'none', effect: 'change', repeatable: true, accept: () => true })
const router = {} as Router
const request = new Request(verb, undefined, '', undefined, undefined, Buffer.from('1'))
request.binding = 'host'
request.ordered = true
request.bounds = { timeoutMs: 1 }
request.times = { requestTimeoutMs: 1, retries: 0 }
request.failedBefore()
// Nothing of it is written then, so that no socket is needed.
request.settled = true
const attempt = new SingleAttempt(request, router)
attempt.isUnchanged = true
const reply = new Reply()
const LINES = ['VALUE k 0 1 1', 'VA 1 t-1'].map((line) => Buffer.from(`${line}\r\n`))
const connection = new Connection({ onClosed() {} } as unknown as ConnectionOwner, {})
const inflight = new InflightQueue()

/** So often that V8 notes what it sees, and that the queue of what is in flight grows. */
const RUNS = 50
for (let i = 0; i < RUNS; i++) {
  request.finalMs = i & 1
  attempt.begin(1)
  for (const line of LINES) {
    readHitLine(reply, line, 0, line.length, line.length)
    reply.begin(line, 0, line.length - 2)
    readLine(reply)
  }
  // The replies about the lock of a key, and about the key.
  attempt.lock = 'next'
  reply.kind = ReplyKind.Deleted
  attempt.accept(reply)
  attempt.accept(reply)
  // A new queue differs from one that was used before.
  const outbox = new Outbox()
  outbox.push(request, router)
  outbox.begin(1)
  outbox.write(connection, inflight, 1)
  outbox.push(request, router)
  if (outbox.length > 0) outbox.take()
  inflight.push(attempt)
}
inflight.take()
connection.close(new MintringError('MINTRING_CONNECTION', ''))
