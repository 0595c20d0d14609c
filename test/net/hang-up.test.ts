import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import type { MintringError } from '../../src/errors.ts'
import { testCluster } from '../support/test-cluster.ts'

/**
 * Starts a server that closes the connection when a command names the key `poison`. The replies to
 * commands that arrived together with it are then lost. Returns its port, and a function that
 * returns how many times it closed a connection.
 */
async function poisonable(t: TestContext): Promise<{ port: number; hangUps: () => number }> {
  let hangUps = 0
  const items = new Map<string, string>()
  const server = net.createServer((socket) => {
    t.after(() => socket.destroy())
    socket.on('error', () => {})
    socket.setEncoding('latin1').on('data', (text) => {
      const lines = String(text).split('\r\n').slice(0, -1)
      if (lines.some((line) => line.split(' ').includes('poison'))) {
        hangUps++
        socket.destroy()
        return
      }
      const replies = lines.map((line, at) => {
        const [verb, ...words] = line.split(' ')
        if (verb === 'version') return 'VERSION 1.6.18\r\n'
        if (verb === 'mn') return 'MN\r\n'
        if (verb === 'mg') return 'EN\r\n'
        if (verb === 'stats') return 'END\r\n'
        if (verb === 'set') items.set(words[0]!, lines[at + 1]!)
        if (verb === 'set') return 'STORED\r\n'
        if (verb !== 'get') return ''
        const hits = words.filter((key) => items.has(key))
        const values = hits.map((key) => {
          const value = items.get(key)!
          return `VALUE ${key} 0 ${value.length}\r\n${value}\r\n`
        })
        return `${values.join('')}END\r\n`
      })
      socket.write(replies.join(''))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { port: (server.address() as net.AddressInfo).port, hangUps: () => hangUps }
}

const NUMBERS = Array.from({ length: 20 }, (_, at) => at)
const lost = { code: 'MINTRING_CONNECTION', sent: true }
const PATIENT = { requestTimeoutMs: 10_000, connectTimeoutMs: 10_000, retryTimeoutMs: 10_000 }

for (const place of [0, 1, 10, 20]) {
  test(`a set on which the server hangs up fails alone as number ${place} of a burst`, async (t) => {
    const { port, hangUps } = await poisonable(t)
    const client = testCluster(t, [port], PATIENT)
    await client.set('warm', 'x')
    const keys = NUMBERS.map((at) => `k${at}`)
    keys.splice(place, 0, 'poison')
    const outcomes = await Promise.all(
      keys.map((key) =>
        client.set(key, 'v').catch(({ code, sent }: MintringError) => ({ code, sent })),
      ),
    )
    const [poison] = outcomes.splice(place, 1)
    assert.deepEqual(outcomes, Array(NUMBERS.length).fill('STORED'))
    assert.deepEqual(poison, lost)
    assert.ok(hangUps() <= 3, `the server hung up ${hangUps()} times`)
  })

  test(`a get on which the server hangs up fails alone as number ${place} of one get command`, async (t) => {
    const { port, hangUps } = await poisonable(t)
    const client = testCluster(t, [port], PATIENT)
    const keys = NUMBERS.map((at) => `k${at}`)
    await Promise.all(keys.map((key) => client.set(key, `value of ${key}`)))
    keys.splice(place, 0, 'poison')
    const outcomes = await Promise.all(
      keys.map((key) => client.get(key).catch(({ code, sent }: MintringError) => ({ code, sent }))),
    )
    const [poison] = outcomes.splice(place, 1)
    keys.splice(place, 1)
    assert.deepEqual(
      outcomes,
      keys.map((key) => `value of ${key}`),
    )
    assert.deepEqual(poison, lost)
    assert.ok(hangUps() <= 2, `the server hung up ${hangUps()} times`)
  })
}

test('several commands on which a server hangs up fail alone in one burst', async (t) => {
  const { port } = await poisonable(t)
  const client = testCluster(t, [port], PATIENT)
  await client.set('warm', 'x')
  const keys = NUMBERS.flatMap((at) => (at % 7 === 3 ? [`k${at}`, 'poison'] : [`k${at}`]))
  const outcomes = await Promise.all(
    keys.map((key) => client.set(key, 'v').catch(({ code }: MintringError) => code)),
  )
  const expected = keys.map((key) => (key === 'poison' ? lost.code : 'STORED'))
  assert.deepEqual(outcomes, expected)
})
