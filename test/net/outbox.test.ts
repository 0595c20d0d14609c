import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connection } from '../../src/net/connection.ts'
import { InflightQueue } from '../../src/net/inflight.ts'
import { Outbox } from '../../src/net/outbox.ts'
import { Request, type Router, type Verb } from '../../src/net/request.ts'
import { deleteRequest } from '../support/plain-verbs.ts'

const router = {} as Router
const times = { requestTimeoutMs: 1_000, retries: 0 }

/** A connection that records what is written to it. */
function recording(): { connection: Connection; written: () => string } {
  let text = ''
  const connection = {
    isFull: false,
    unsentBytes: 0,
    write: (more: string) => {
      text += more
    },
  }
  return { connection: connection as unknown as Connection, written: () => text }
}

/** A request that fails when it is written, and that calls `act` before. */
function failing(act: () => void): Request<string> {
  const verb: Verb = {
    name: 'bad',
    effect: 'read',
    repeatable: true,
    encode() {
      act()
      throw new Error('it cannot be encoded')
    },
    accept: () => true,
    miss() {},
  }
  return new Request<string>(verb, 'bad', 'bad', undefined)
}

function queue(outbox: Outbox, requests: readonly Request[]): void {
  for (const request of requests) {
    request.times = times
    outbox.push(request, router)
  }
}

test('a request that fails while it is written may give back the queue, and what is queued then stays queued', async () => {
  const outbox = new Outbox()
  const inflight = new InflightQueue()
  const { connection, written } = recording()
  const later = [deleteRequest('later'), deleteRequest('last')]
  const first = deleteRequest('first')
  const bad = failing(() => {
    outbox.take()
    queue(outbox, later)
  })
  queue(outbox, [first, bad, deleteRequest('given back')])
  outbox.begin(1)
  assert.equal(outbox.write(connection, inflight, 1), 1)
  await assert.rejects(bad.promise)
  assert.equal(written(), 'delete first\r\n')
  assert.equal(outbox.requests, 2)
  outbox.begin(2)
  assert.equal(outbox.write(connection, inflight, 2), 2)
  assert.equal(written(), 'delete first\r\ndelete later\r\ndelete last\r\n')
  assert.equal(inflight.length, 3)
})

test('a queue that is given back sparingly keeps the requests that are never retried', () => {
  const outbox = new Outbox()
  const [free, once, other] = ['free', 'once', 'other'].map((key) => deleteRequest(key))
  once!.binding = 'once'
  queue(outbox, [free!, once!, other!])
  assert.deepEqual(outbox.take(true), [free!.attempt, other!.attempt])
  assert.equal(outbox.length, 1)
  assert.deepEqual(outbox.take(), [once!.attempt])
})
