import { setTimeout as sleep } from 'node:timers/promises'
import { settle } from './calls.ts'
import type { Page } from './page.ts'
import type { Verb, World } from './verbs.ts'

const LOADER_MS = 10
/**
 * How many time limits a call can use up, one after the other: those of its commands, of a wait for
 * others, and of the load.
 */
const LIMITS = 5

const TIMES = { lease: 2, jitter: 0, waitTimeoutMs: 500, loaderTimeoutMs: 1_000 } as const
const WINDOWED = { ...TIMES, ttl: '1h', staleWhileRevalidate: '10m' } as const
const STRICT = { ...TIMES, ttl: '1h', staleWhileRevalidate: 0 } as const

/** Asks the origin, which takes some time; the result is as of the time of the question. */
async function load({ dice }: World, page: Page): Promise<string> {
  const value = page.load()
  const ms = dice.below(LOADER_MS)
  if (ms > LOADER_MS / 2) await sleep(ms)
  return value
}

const getOrSet: Verb = async (world) => {
  const { client, dice, pages } = world
  const page = dice.pick(pages)
  const floor = page.floor()
  const call = () => client.getOrSetEntry(page.key, () => load(world, page), WINDOWED)
  const { result } = await settle(world, `getOrSet ${page.key}`, LIMITS * world.limitMs, call)
  if (result !== undefined) page.saw(result.value, result.state, floor, 'getOrSet')
}

const getOrSetStrict: Verb = async (world) => {
  const { client, dice, strictPages } = world
  const page = dice.pick(strictPages)
  const floor = page.floor()
  const call = () => client.getOrSet(page.key, () => load(world, page), STRICT)
  const { result, error } = await settle(
    world,
    `getOrSet ${page.key}`,
    LIMITS * world.limitMs,
    call,
  )
  if (error === undefined) page.saw(result, 'current', floor, 'getOrSet')
}

const getOrSetMany: Verb = async (world) => {
  const { client, dice, strictPages } = world
  const chosen = new Map(Array.from({ length: 8 }, () => dice.pick(strictPages)).map(withFloor))
  const byKey = new Map([...chosen.keys()].map((page) => [page.key, page]))
  const loadMany = async (keys: readonly string[]): Promise<Map<string, string>> => {
    const loads = keys.map(async (key) => [key, await load(world, byKey.get(key)!)] as const)
    return new Map(await Promise.all(loads))
  }
  const call = () => client.getOrSetMany([...byKey.keys()], loadMany, STRICT)
  const { result } = await settle(world, 'getOrSetMany', LIMITS * world.limitMs, call)
  if (result === undefined) return
  for (const [page, floor] of chosen) {
    page.saw(result.get(page.key), 'current', floor, 'getOrSetMany')
  }
}

/** Changes the origin, and tells the cache by one of the verbs. */
const change: Verb = async (world) => {
  const { client, dice } = world
  const isStrict = dice.roll() < 0.5
  const page = dice.pick(isStrict ? world.strictPages : world.pages)
  const policy = isStrict ? STRICT : WINDOWED
  const version = page.change()
  const floor = { fresh: version, stale: version }
  const roll = dice.roll()
  if (roll < 0.5) {
    const call = () => client.invalidate(page.key, policy)
    const { error } = await settle(world, `invalidate ${page.key}`, LIMITS * world.limitMs, call)
    if (error === undefined) page.invalidated(version)
  } else if (roll < 0.75) {
    const call = () => client.delete(page.key)
    const { error } = await settle(world, `delete ${page.key}`, world.limitMs, call)
    if (error === undefined) page.deleted(version)
  } else {
    const call = () => client.refresh(page.key, () => load(world, page), policy)
    const { result, error } = await settle(
      world,
      `refresh ${page.key}`,
      LIMITS * world.limitMs,
      call,
    )
    if (error !== undefined) return
    page.saw(result, 'current', floor, 'refresh')
    page.invalidated(version)
  }
}

function withFloor(page: Page): [Page, ReturnType<Page['floor']>] {
  return [page, page.floor()]
}

/** How often each verb of refills is called, compared with the other verbs. */
export const REFILL_VERBS: ReadonlyArray<readonly [Verb, number]> = [
  [getOrSet, 12],
  [getOrSetStrict, 6],
  [getOrSetMany, 3],
  [change, 6],
]
