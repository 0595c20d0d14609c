import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { it } from 'node:test'
import { MemcachedClient } from '../../../src/client/client.ts'
import type { ErrorCode } from '../../../src/errors.ts'
import type { HostSnapshot } from '../../../src/hosts/snapshot.ts'

// biome-ignore lint/suspicious/noExplicitAny: these calls are type errors on purpose
export type Loose = any

/** A call with a mistake, made from habit or from another client's documentation. */
export type Mistake = readonly [
  call: string,
  make: (cache: Loose) => unknown,
  code: ErrorCode,
  message: string,
]

export const load = async (): Promise<number> => 1
export const WRITE_TTL = 'write { ttl: 60 }, in seconds'
export const OBJECT = 'are an object, not'

/** Methods that return a promise, but are no operation on the cache. */
const NO_OPERATION = /^(close|discover)\b/

/**
 * Each call is refused before any I/O, with a message that says what to do instead. A verb that
 * rejects is published once, as `invalid`; a method that throws is no operation.
 */
export function refuse(mistakes: readonly Mistake[]): void {
  for (const [call, make, code, message] of mistakes) {
    it(`${call} rejects with ${code}`, async () => {
      const cache = new MemcachedClient('127.0.0.1:1')
      let isOperation = false
      const run = async (): Promise<unknown> => {
        const result = make(cache)
        isOperation = result instanceof Promise && !NO_OPERATION.test(call)
        return result
      }
      const outcomes = await outcomesOf(() =>
        assert.rejects(run, { name: 'MintringError', code, message }),
      )
      assert.deepEqual(outcomes, isOperation ? ['invalid'] : [])
      const [{ failures, lanes, inFlight, queued }] = cache.hosts() as [HostSnapshot]
      assert.deepEqual([failures, lanes, inFlight, queued], [0, 0, 0, 0], 'the host was asked')
      await cache.close({ drainMs: 0 })
    })
  }
}

/** The outcomes that all channels of operations publish during a call. */
async function outcomesOf(call: () => Promise<void>): Promise<unknown[]> {
  const outcomes: unknown[] = []
  const hear = (message: unknown): void => void outcomes.push((message as Loose).outcome)
  const ends = ['command', 'batch'].map((name) => tracingChannel(`mintring:${name}`).asyncEnd)
  for (const end of ends) end.subscribe(hear)
  try {
    await call()
  } finally {
    for (const end of ends) end.unsubscribe(hear)
  }
  return outcomes
}
