import './frozen-clock.ts'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { frozenClock } from './frozen-clock.ts'
import { CHANGE, startFleet } from './frozen-fleet.ts'

/** Sends lines to a server, and returns what it replies. */
async function said(place: string, lines: string): Promise<string> {
  const [host = '', port] = place.split(':')
  const socket = connect(Number(port), host)
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.write(`${lines}quit\r\n`, 'latin1')
  await once(socket, 'close')
  return text
}

/** The key of the mark that tells of the previous servers. */
async function markKeyOn(place: string): Promise<string> {
  const dump = await said(place, 'lru_crawler metadump all\r\n')
  const keys = [...dump.matchAll(/^key=%FF(~mintring~handover~\S+)/gm)].map(
    ([, key]) => `\xff${key}`,
  )
  for (const key of keys) {
    if ((await said(place, `get ${key}\r\n`)).includes('"previous"')) return key
  }
  throw new Error(`there is no mark in ${dump}`)
}

describe('a host that has no mark of a handover that another process has just begun', () => {
  for (const [what, idleMs, isLate] of [
    ['is not late for a process that was connected to it long before', 60_000, false],
    ['is late for a process that was not connected to it before', 0, true],
  ] as const) {
    test(what, async (t) => {
      const fleet = await startFleet(t)
      const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`)
      const [beginner, other] = [fleet.join(3), fleet.join(3)]
      for (const client of [beginner, other]) await client.getMany(keys)
      frozenClock.advance(idleMs)
      beginner.setServers(fleet.places(4), CHANGE)
      await fleet.until(beginner, 'announce')
      const [place = ''] = fleet.places(1)
      const key = await markKeyOn(place)
      await said(place, `md ${key}\r\n`)
      other.setServers(fleet.places(4), CHANGE)
      await fleet.until(other, 'announce')
      const item = await said(place, `get ${key}\r\n`)
      assert.ok(item.includes('"id"'), item)
      assert.equal(item.includes('"isLate":true'), isLate)
    })
  }
})
