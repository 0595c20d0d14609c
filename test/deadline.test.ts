import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, it } from 'node:test'
import vm from 'node:vm'
import {
  checkBounds,
  Deadline,
  onAbort,
  StallLimit,
  settledWithin,
  within,
} from '../src/deadline.ts'
import { MintringError } from '../src/errors.ts'

const never = new Promise<never>(() => {})
const late = (): MintringError => new MintringError('MINTRING_TIMEOUT', 'late')

describe('within', () => {
  it('resolves to the result of the work, and leaves no listener on the signal', async () => {
    const { signal } = new AbortController()
    assert.equal(await within(Promise.resolve(1), { signal, timeoutMs: 1000 }, late), 1)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })

  it('rejects after the timeout when the work hangs', async () => {
    await assert.rejects(within(never, { timeoutMs: 5 }, late), { code: 'MINTRING_TIMEOUT' })
  })

  it('rejects when the signal aborts, with its reason as the cause', async () => {
    const controller = new AbortController()
    const waiting = within(never, { signal: controller.signal }, late)
    controller.abort('enough')
    await assert.rejects(waiting, { code: 'MINTRING_ABORTED', cause: 'enough' })
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
  })

  it('adds one listener to a signal that many calls share', async () => {
    const controller = new AbortController()
    const waits = Array.from({ length: 100 }, () =>
      within(never, { signal: controller.signal }, late),
    )
    assert.equal(getEventListeners(controller.signal, 'abort').length, 1)
    controller.abort()
    const outcomes = await Promise.allSettled(waits)
    assert.ok(outcomes.every(({ status }) => status === 'rejected'))
  })

  it('handles a rejection of the work that comes after the timeout', async () => {
    let fail: (error: Error) => void = () => {}
    const work = new Promise<never>((_, reject) => {
      fail = reject
    })
    await assert.rejects(within(work, { timeoutMs: 1 }, late), { code: 'MINTRING_TIMEOUT' })
    fail(new Error('much later'))
    await new Promise((resolve) => setImmediate(resolve))
  })
})

describe('onAbort', () => {
  it('rejects with an error that says whether bytes were sent', () => {
    const controller = new AbortController()
    const told: MintringError[] = []
    onAbort(controller.signal, { sent: true, reject: (error) => told.push(error) })
    controller.abort()
    assert.equal(told[0]?.sent, true)
  })

  it('adds its listener again after all earlier callers have ended', () => {
    const controller = new AbortController()
    onAbort(controller.signal, { reject: () => assert.fail('it left') })()
    let isTold = false
    onAbort(controller.signal, { reject: () => (isTold = true) })
    controller.abort()
    assert.equal(isTold, true)
  })
})

describe('checking the options signal and timeoutMs', () => {
  it('throws for values that are no signal and no time', () => {
    const bad = { code: 'MINTRING_BAD_ARGUMENT' }
    for (const timeoutMs of [0, -1, Number.NaN, Infinity, 2 ** 31, '100', null, {}]) {
      assert.throws(() => checkBounds({ timeoutMs: timeoutMs as number }), bad)
    }
    for (const signal of [{}, 1, 'abort', null, new AbortController()]) {
      assert.throws(() => checkBounds({ signal: signal as AbortSignal }), bad)
    }
  })

  it('accepts a signal of another realm, and of a polyfill', () => {
    const signal = Object.assign(new EventTarget(), { aborted: false, reason: undefined })
    checkBounds({ signal: signal as unknown as AbortSignal })
    const foreign = vm.runInNewContext('({ aborted: false, addEventListener() {} })')
    checkBounds({ signal: foreign })
  })

  it('throws at once when the signal has aborted', () => {
    assert.throws(() => checkBounds({ signal: AbortSignal.abort() }), { code: 'MINTRING_ABORTED' })
  })
})

describe('a Deadline', () => {
  it('gives each step the remaining time, and rejects a step when none remains', async () => {
    const deadline = new Deadline('set', { timeoutMs: 30 }, 1000)
    const { timeoutMs = 0 } = deadline.next()
    assert.ok(timeoutMs > 0 && timeoutMs <= 30)
    await assert.rejects(deadline.bound(never), {
      code: 'MINTRING_TIMEOUT',
      message: 'set was not done after 30 ms: no host was asked',
    })
    assert.throws(() => deadline.next(), { code: 'MINTRING_TIMEOUT' })
  })

  it('gives each step the default timeout when the caller sets none', async () => {
    const deadline = new Deadline('get', undefined, 5)
    await assert.rejects(deadline.bound(never), /after 5 ms/)
    assert.deepEqual(deadline.next(), { signal: undefined })
    assert.equal(await deadline.bound(Promise.resolve(1)), 1)
  })

  it('rejects between two steps when its signal aborts', () => {
    const controller = new AbortController()
    const deadline = new Deadline('set', { signal: controller.signal }, 1000)
    controller.abort()
    assert.throws(() => deadline.next(), { code: 'MINTRING_ABORTED' })
  })
})

describe('a StallLimit', () => {
  it('rejects the steps that remain when none has ended for its time', async () => {
    const limit = new StallLimit(20, late)
    const done = limit.bound(Promise.resolve(1))
    const hanging = [limit.bound(never), limit.bound(never)]
    assert.equal(await done, 1)
    for (const step of hanging) await assert.rejects(step, { code: 'MINTRING_TIMEOUT' })
    assert.equal(await limit.bound(Promise.resolve(2)), 2)
  })
})

describe('settledWithin', () => {
  it('resolves when the promise settles, also if it rejects, or after its time', async () => {
    await settledWithin(60_000, Promise.resolve())
    await settledWithin(60_000, Promise.reject(new Error('settled')))
    await settledWithin(1, never)
  })

  it('waits for its time again if the event loop was blocked meanwhile', async () => {
    let isSettled = false
    const settles = new Promise<void>((resolve) => setTimeout(resolve, 30)).then(() => {
      isSettled = true
    })
    const waits = settledWithin(20, settles)
    const endMs = performance.now() + 200
    while (performance.now() < endMs);
    await waits
    assert.ok(isSettled)
  })
})
