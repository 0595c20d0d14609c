import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hold } from '../../src/hosts/hold.ts'
import type { Host } from '../../src/hosts/host.ts'
import type { Connection } from '../../src/net/connection.ts'
import { InflightQueue } from '../../src/net/inflight.ts'
import { Outbox } from '../../src/net/outbox.ts'
import { Request, type Router, verbOf } from '../../src/net/request.ts'

const APPEND = verbOf({
  name: 'append',
  effect: 'change',
  repeatable: false,
  encode: (_request, out) => out.text('append key\r\n'),
  accept: () => true,
})
const host = { name: 'a:11211', abilities: undefined, failed: () => undefined }

test('a command that waits to be sent again is written once, not also by its earlier attempt', async () => {
  let written = ''
  const connection = { isFull: false, unsentBytes: 0, write: (text: string) => (written += text) }
  const outbox = new Outbox()
  const write = (): void => {
    const nowMs = performance.now()
    outbox.begin(nowMs)
    outbox.write(connection as unknown as Connection, new InflightQueue(), nowMs)
  }
  const request = new Request<boolean>(APPEND, 'key', 'key', undefined)
  request.times = { requestTimeoutMs: 60_000, retries: 1 } as typeof request.times
  const send = (): void => outbox.push(request as Request, host as unknown as Router)
  // The first attempt has not been written when the request is given to a host again.
  send()
  let resolve = (): void => undefined
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  hold(request as Request, host as unknown as Host, promise, send, assert.fail)
  write()
  assert.equal(written, '')
  resolve()
  await promise
  write()
  assert.equal(written, 'append key\r\n')
})
