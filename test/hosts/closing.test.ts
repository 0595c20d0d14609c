import assert from 'node:assert/strict'
import process from 'node:process'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/index.ts'

const TIMEOUT_MS = 100

/** The open connections of this process, counted at both ends. */
function connections(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
}

test('close() leaves no connection to a healthy host while writes of a hanging host move there', async (context) => {
  const [hanging, healthy] = await Promise.all([startServer(), startServer()])
  context.after(() => Promise.all([hanging.close(), healthy.close()]))
  const keys = Array.from({ length: 50 }, (_, i) => `key:${i}`)
  // The host is ejected in the middle of these times, and its writes move.
  for (const afterMs of [150, 180, 210, 240, 210, 240, 180, 270]) {
    const client = new MemcachedClient([hanging.address, healthy.address], {
      requestTimeoutMs: TIMEOUT_MS,
      connectTimeoutMs: TIMEOUT_MS,
      retryTimeoutMs: 2 * TIMEOUT_MS,
    })
    const key = keys.find((one) => client.locate(one).server === hanging.address)!
    await client.setMany(new Map(keys.map((one) => [one, 'value'])))
    hanging.pause()
    const write = (): unknown => client.set(key, 'newer').catch(() => {})
    write()
    const writing = setInterval(write, TIMEOUT_MS / 5)
    await sleep(afterMs)
    clearInterval(writing)
    await client.close({ drainMs: 0 })
    hanging.resume()
    for (let i = 0; i < 50 && connections() > 0; i++) await sleep(10)
    assert.equal(connections(), 0, `closed after ${afterMs} ms`)
  }
})
