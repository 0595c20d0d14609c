import assert from 'node:assert/strict'
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

/** Each call is refused before any I/O, with a message that says what to do instead. */
export function refuse(mistakes: readonly Mistake[]): void {
  for (const [call, make, code, message] of mistakes) {
    it(`${call} rejects with ${code}`, async () => {
      const cache = new MemcachedClient('127.0.0.1:1')
      await assert.rejects(async () => make(cache), { name: 'MintringError', code, message })
      const [{ failures, lanes, inFlight, queued }] = cache.hosts() as [HostSnapshot]
      assert.deepEqual([failures, lanes, inFlight, queued], [0, 0, 0, 0], 'the host was asked')
      await cache.close({ drainMs: 0 })
    })
  }
}
