import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import type { MemcachedClient } from '../../src/client/client.ts'
import { startScripted } from '../support/scripted-server.ts'
import { connect } from './support.ts'

/** The time of an operation, and how much of it the first step takes. */
const LIMIT = { requestTimeoutMs: 3_000, connectTimeoutMs: 3_000, retries: 0 } as const
const FIRST_STEP_MS = 2_000

/** An operation of two steps, on a server that replies to the first one late and then never. */
interface Steps {
  /** The line that is answered late, and its reply. */
  readonly first: RegExp
  readonly reply: string
  /** The line of the second step. */
  readonly second: RegExp
  readonly behaviors?: BehaviorsInput
  call(cache: MemcachedClient): Promise<unknown>
}

const GREETING: Readonly<Record<string, string>> = {
  ...{ version: 'VERSION 1.6.18', 'stats settings': 'END', mn: 'MN' },
}

const OPERATIONS: Readonly<Record<string, Steps>> = {
  'add over an item': {
    first: /^x$/,
    reply: 'NOT_STORED',
    second: /^gets k$/,
    call: (cache) => cache.add('k', 'x'),
  },
  'incr with an initial number, on a server without meta commands': {
    first: /^incr k /,
    reply: 'NOT_FOUND',
    second: /^add k /,
    behaviors: { protocol: 'classic' },
    call: (cache) => cache.incr('k', 1, { initial: 1 }),
  },
  'a meta command on the first connection': {
    first: /^version$/,
    reply: 'VERSION 1.6.18',
    second: /^mg k /,
    call: (cache) => cache.meta.mg('k', { v: true }),
  },
}

async function start(
  context: TestContext,
  { first, reply, second, behaviors }: Steps,
  on: { readonly half: (cache: MemcachedClient) => void; readonly second: () => void },
): Promise<MemcachedClient> {
  const answer = (line: string, socket: Socket): void => {
    if (first.test(line)) {
      setTimeout(() => on.half(cache), FIRST_STEP_MS / 2)
      setTimeout(() => socket.write(`${reply}\r\n`), FIRST_STEP_MS)
    } else if (second.test(line)) on.second()
    else if (GREETING[line] !== undefined) socket.write(`${GREETING[line]}\r\n`)
  }
  const server = await startScripted(answer, { greets: false })
  const cache = connect(context, `127.0.0.1:${server.port}`, { ...LIMIT, ...behaviors })
  context.after(() => server.close())
  return cache
}

/** Another operation of two steps: the value is encoded, then stored. */
async function slowlyEncoded(context: TestContext, order: string[]): Promise<MemcachedClient> {
  const server = await startScripted(() => void order.push('second step'))
  context.after(() => server.close())
  const serialize = (): Promise<string> =>
    new Promise((resolve) => setTimeout(resolve, FIRST_STEP_MS, 'x'))
  const serializer = { serialize, deserialize: String }
  return connect(context, `127.0.0.1:${server.port}`, { ...LIMIT, serializer })
}

describe('The steps of an operation share its time limit:', { concurrency: true }, () => {
  for (const [name, steps] of Object.entries(OPERATIONS)) {
    it(`${name} rejects before a get that begins during its first step`, async (context) => {
      const order: string[] = []
      const note = (event: string) => (): void => void order.push(event)
      let witness: Promise<void> | undefined
      const cache = await start(context, steps, {
        half: (client) => {
          witness ??= client.get('witness').then(note('get'), note('get'))
        },
        second: note('second step'),
      })
      await assert.rejects(steps.call(cache))
      note('operation')()
      await witness
      assert.deepEqual(order, ['second step', 'operation', 'get'])
    })
  }

  it('set with a slow serializer rejects before a get that begins meanwhile', async (context) => {
    const order: string[] = []
    const cache = await slowlyEncoded(context, order)
    const note = (event: string) => (): void => void order.push(event)
    const setting = cache.set('k', {}).then(note('stored'), note('operation'))
    await new Promise((resolve) => setTimeout(resolve, FIRST_STEP_MS / 2))
    await Promise.all([setting, cache.get('witness').then(note('hit'), note('get'))])
    assert.deepEqual(order.slice(-2), ['operation', 'get'])
  })
})
