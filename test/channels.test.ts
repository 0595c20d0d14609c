import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { channel, tracingChannel } from 'node:diagnostics_channel'
import { test } from 'node:test'
import { type CommandMessage, commandTrace, ejectChannel } from '../src/channels.ts'

const moments = tracingChannel<unknown, CommandMessage>('mintring:command')

test('a trace has subscribers as soon as one of its channels has', () => {
  assert.equal(commandTrace.hasSubscribers, false)
  const listener = () => undefined
  moments.asyncEnd.subscribe(listener)
  assert.equal(commandTrace.hasSubscribers, true)
  moments.asyncEnd.unsubscribe(listener)
  assert.equal(commandTrace.hasSubscribers, false)
})

test('a plain channel is the node:diagnostics_channel of the same name', () => {
  const told: unknown[] = []
  const listener = (message: unknown) => told.push(message)
  channel('mintring:eject').subscribe(listener)
  ejectChannel.publish({ host: 'a:1' })
  channel('mintring:eject').unsubscribe(listener)
  assert.deepEqual(told, [{ host: 'a:1' }])
})

test('a trace publishes start, end, asyncStart and asyncEnd in order, with one message without the result', async (context) => {
  const order: string[] = []
  const seen = new Set<unknown>()
  const at = (name: string) => (message: unknown) => {
    order.push(name)
    seen.add(message)
    assert.doesNotMatch(JSON.stringify(message), /secret/)
  }
  const names = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const
  const listeners = names.map((name) => [name, at(name)] as const)
  for (const [name, listener] of listeners) moments[name].subscribe(listener)
  context.after(() => {
    for (const [name, listener] of listeners) moments[name].unsubscribe(listener)
  })
  const message: CommandMessage = { command: 'get' }
  const value = await commandTrace.run(
    message,
    async () => 'secret',
    () => 'hit',
  )
  assert.equal(value, 'secret')
  assert.equal(message.outcome, 'hit')
  assert.deepEqual(order.splice(0), ['start', 'end', 'asyncStart', 'asyncEnd'])
  assert.deepEqual([...seen], [message])
})

test('a trace publishes an error and passes it on unchanged, thrown at once or later', async (context) => {
  const errors: unknown[] = []
  const listener = (message: unknown) => errors.push((message as CommandMessage).error)
  moments.error.subscribe(listener)
  context.after(() => moments.error.unsubscribe(listener))
  const later = new Error('later')
  const now = new Error('now')
  await assert.rejects(
    commandTrace.run(
      { command: 'get' },
      () => Promise.reject(later),
      () => 'ok',
    ),
    later,
  )
  const throwing = (): Promise<never> => {
    throw now
  }
  await assert.rejects(
    commandTrace.run({ command: 'get' }, throwing, () => 'ok'),
    now,
  )
  assert.deepEqual(errors, [later, now])
})

test('an AsyncLocalStorage bound to the start of a trace is active while the operation runs', async (context) => {
  const store = new AsyncLocalStorage<string>()
  moments.start.bindStore(store, (message) => message.command)
  context.after(() => moments.start.unbindStore(store))
  const inside = await commandTrace.run(
    { command: 'get' },
    async () => {
      await null
      return store.getStore()
    },
    () => 'hit',
  )
  assert.equal(inside, 'get')
  assert.equal(store.getStore(), undefined)
})
