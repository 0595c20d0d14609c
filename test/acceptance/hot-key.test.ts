import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Memcached, realMemcached, startMemcached } from '../support/memcached.ts'
import { TYPESCRIPT } from '../support/typescript.ts'
import type { ReaderNews, ReadOrder } from './reader.ts'

const PROCESSES = 4
const READERS = 1_000
const LOADER_MS = 200
const LEASE_SECONDS = 2
const LIMIT_MS = 20_000

type Done = Extract<ReaderNews, { kind: 'done' }>

/** A process with its own client, and the messages it has sent so far. */
class Reader {
  readonly child: ChildProcess
  readonly news: ReaderNews[] = []
  #wake: () => void = () => {}

  constructor(address: string) {
    const script = fileURLToPath(new URL('reader.ts', import.meta.url))
    const execArgv = [...TYPESCRIPT, '--unhandled-rejections=strict']
    this.child = fork(script, [address], { execArgv })
    this.child.on('message', (news: ReaderNews) => {
      this.news.push(news)
      this.#wake()
    })
  }

  order(order: Partial<ReadOrder> & { key: string }): void {
    this.news.length = 0
    const usual = { readers: READERS / PROCESSES, loaderMs: LOADER_MS, ttl: 1 }
    this.child.send({ ...usual, staleWhileRevalidate: 60, lease: LEASE_SECONDS, ...order })
  }

  get loads(): number {
    return this.news.filter((news) => news.kind === 'loading').length
  }

  async heard<Kind extends ReaderNews['kind']>(kind: Kind): Promise<ReaderNews & { kind: Kind }> {
    const endMs = performance.now() + LIMIT_MS
    for (;;) {
      const found = this.news.find((news) => news.kind === kind)
      if (found) return found as ReaderNews & { kind: Kind }
      assert.ok(performance.now() < endMs, `process ${this.child.pid} never said ${kind}`)
      await Promise.race([sleep(50), new Promise<void>((wake) => (this.#wake = wake))])
    }
  }
}

describe('four processes that read one hot key', () => {
  let server: Memcached | undefined
  let readers: Reader[] = []
  before(async () => {
    server = await startMemcached()
    const address = `${server.host}:${server.port}`
    readers = Array.from({ length: PROCESSES }, () => new Reader(address))
    await Promise.all(readers.map((reader) => reader.heard('ready')))
  })
  after(async () => {
    for (const reader of readers) reader.child.kill('SIGKILL')
    await server?.stop()
  })

  /** All processes read the key at once. Returns the values they got and how often a loader ran. */
  async function rush(order: Partial<ReadOrder> & { key: string }) {
    for (const reader of readers) reader.order(order)
    const done: Done[] = await Promise.all(readers.map((reader) => reader.heard('done')))
    // A background refill may still run when its readers are done.
    await sleep(LOADER_MS + 300)
    return {
      loads: readers.reduce((sum, reader) => sum + reader.loads, 0),
      values: new Set(done.flatMap((one) => one.values)),
      errors: done.flatMap((one) => one.errors),
      slowestMs: Math.round(Math.max(...done.map((one) => one.slowestMs))),
      medianMs: Math.round(Math.max(...done.map((one) => one.medianMs))),
    }
  }

  test('call one loader and give all 1,000 readers its value when the key is absent', async (t) => {
    if (!realMemcached(t)) return
    const cold = await rush({ key: 'cold', ttl: 60 })
    t.diagnostic(`${cold.loads} loader call, slowest reader ${cold.slowestMs} ms`)
    assert.deepEqual(cold.errors, [])
    assert.equal(cold.loads, 1)
    assert.equal(cold.values.size, 1)
  })

  test('call one loader and make no reader wait when the key is expired', async (t) => {
    if (!realMemcached(t)) return
    // A ttl of 2 s, because memcached may expire an item up to 1 s early, during the first reads.
    const filled = await rush({ key: 'hot', ttl: 2 })
    await sleep(3_200)
    const stale = await rush({ key: 'hot', ttl: 2 })
    t.diagnostic(`${stale.loads} loader call, slowest reader ${stale.slowestMs} ms`)
    assert.deepEqual(stale.errors, [])
    assert.equal(stale.loads, 1)
    // A reader that waited for the loader would have the new value.
    assert.deepEqual(stale.values, filled.values)
    assert.ok(stale.medianMs < LOADER_MS, `half of the readers waited ${stale.medianMs} ms`)
  })

  test('refill within the lease when the refilling process is killed by SIGKILL', async (t) => {
    if (!realMemcached(t)) return
    const [doomed, heir] = readers as [Reader, Reader]
    doomed.order({ key: 'orphan', ttl: 60, readers: 1, loaderMs: 60_000 })
    await doomed.heard('loading')
    doomed.child.kill('SIGKILL')
    readers = readers.filter((reader) => reader !== doomed)
    const startMs = performance.now()
    heir.order({ key: 'orphan', ttl: 60, readers: 10 })
    await heir.heard('loading')
    const takenOverMs = Math.round(performance.now() - startMs)
    const { values, errors } = await heir.heard('done')
    t.diagnostic(`taken over after ${takenOverMs} ms, lease ${LEASE_SECONDS} s`)
    assert.deepEqual(errors, [])
    assert.deepEqual(values, [`orphan by ${heir.child.pid}`])
    // memcached counts in whole seconds, so a lease may end up to one second late.
    assert.ok(takenOverMs <= (LEASE_SECONDS + 1) * 1_000, `only after ${takenOverMs} ms`)
  })
})
