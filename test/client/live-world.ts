import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import type { CommandMessage } from '../../src/channels.ts'
import type { MemcachedClient } from '../../src/client/client.ts'
import type { EmbeddedServer } from '../../src/embedded/embedded-server.ts'
import { startServer } from '../../src/embedded/server.ts'
import { connect, PATIENT } from './support.ts'

/** A running client whose settings a test changes, and its servers. */
export interface World {
  readonly t: TestContext
  readonly servers: readonly EmbeddedServer[]
  /** A client whose connections to all `servers` are open. */
  readonly cache: MemcachedClient
}

export const KEYS = Array.from({ length: 300 }, (_, i) => `{tag${i % 7}}key:${i}`)
export async function open(t: TestContext, base: BehaviorsInput, count: number): Promise<World> {
  const started = await Promise.all(Array.from({ length: count }, () => startServer()))
  t.after(() => Promise.all(started.map((server) => server.close())))
  // In reverse alphabetical order, so that sorting the servers makes a difference.
  const servers = started.sort((a, b) => (a.address < b.address ? 1 : -1))
  const cache = connect(
    t,
    servers.map(({ address }) => address),
    { ...PATIENT, ...base },
  )
  await cache.setMany(new Map(KEYS.map((key) => [key, 'value'])))
  return { t, servers, cache }
}

export type Check = (t: TestContext) => Promise<void>

/** Returns a test that opens a client with the behaviors `base` and passes it to `check`. */
export function live(
  base: BehaviorsInput,
  check: (world: World) => Promise<void>,
  count = 1,
): Check {
  return async (t) => check(await open(t, base, count))
}

export const POLICY = { ttl: 60, jitter: 0 } as const
export const KEY = KEYS[0]!
export const load = (): string => 'loaded'
export const fail = (): never => {
  throw new Error('no')
}
export const text = 'x'.repeat(4_000)

/** The flags and the bytes stored under the key. */
export async function stored(cache: MemcachedClient): Promise<{ flags: number; size: number }> {
  const { flags, value } = (await cache.gets<Buffer>(KEY, { as: 'buffer' }))!
  const { size } = await cache.meta.mg(KEY, { s: true })
  return { flags, size: size ?? value.length }
}

/** Calls back with the messages that the channel publishes about one client. */
export function hearOf(
  t: TestContext,
  { id }: MemcachedClient,
  told: (message: CommandMessage) => void,
): void {
  const hear = (message: unknown): void => {
    const command = message as CommandMessage
    if (command.client === id) told(command)
  }
  const { asyncEnd } = tracingChannel('mintring:command')
  asyncEnd.subscribe(hear)
  t.after(() => asyncEnd.unsubscribe(hear))
}

/** Repeats `step` until `isTrue` returns true, for at most 30 s. */
export async function until(
  isTrue: () => boolean,
  step: () => Promise<unknown> = pause,
): Promise<void> {
  const endMs = performance.now() + 30_000
  while (!isTrue() && performance.now() < endMs) await step()
  assert.ok(isTrue())
}

export const pause = (): Promise<void> => sleep(5)

/** The remaining ttl of the item under the key, in seconds. */
export async function lifeOf(cache: MemcachedClient): Promise<number> {
  return (await cache.meta.mg(KEY, { t: true })).ttl!
}
