import { once } from 'node:events'
import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import type { BehaviorsInput } from '../../../src/behaviors/behaviors.ts'
import { MemcachedClient } from '../../../src/client/client.ts'
import { realMemcached, startMemcached } from '../../support/memcached.ts'

export const KEYS: readonly string[] = Array.from({ length: 1000 }, (_, i) => `user:${i}:profile`)

/** A server of the fleet, in the forms that other programs' configurations need. */
export interface FleetServer {
  readonly host: string
  readonly port: number
  readonly weight: number
}

/** Three memcacheds of weights 1, 2 and 3, or undefined when the machine has no memcached. */
export async function startFleet(test: TestContext): Promise<readonly FleetServer[] | undefined> {
  if (realMemcached(test) === undefined) return undefined
  return Promise.all(
    [1, 2, 3].map(async (weight) => {
      const { host, port, kill } = await startMemcached()
      test.after(() => kill())
      return { host, port, weight }
    }),
  )
}

/** A client of the fleet, closed after the test. */
export function clientOf(
  test: TestContext,
  fleet: readonly FleetServer[],
  behaviors: BehaviorsInput,
): MemcachedClient {
  const client = new MemcachedClient(fleet, behaviors)
  test.after(() => client.close())
  return client
}

/** Reads all keys from each server directly. Returns how many of them each server has. */
export async function heldBy(fleet: readonly FleetServer[]): Promise<number[]> {
  return Promise.all(
    fleet.map(async ({ host, port }) => {
      const answer = await talk(port, host, `get ${KEYS.join(' ')}\r\n`, 'END\r\n')
      return answer.split('\r\n').filter((line) => line.startsWith('VALUE ')).length
    }),
  )
}

/** Sends text to a server or proxy and reads until `end` has arrived `times` times. */
export async function talk(
  port: number,
  host: string,
  text: string,
  end: string,
  times = 1,
): Promise<string> {
  const socket = connect(port, host)
  const silence = new Error(`no end in the answer of ${host}:${port}`)
  socket.setTimeout(5000, () => socket.destroy(silence))
  await once(socket, 'connect')
  socket.write(text)
  let answer = ''
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    answer += chunk.toString('latin1')
    if (answer.endsWith(end) && answer.split(end).length > times) break
  }
  socket.destroy()
  return answer
}

/** Waits until a server listens. */
export async function listening(port: number): Promise<void> {
  const endMs = performance.now() + 5000
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const isUp = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (isUp) return
    if (performance.now() > endMs) throw new Error(`nothing listens on ${port}`)
    await new Promise((wake) => setTimeout(wake, 20))
  }
}
