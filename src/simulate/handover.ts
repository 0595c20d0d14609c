import { checkBounds } from '../deadline.ts'
import { loadHash } from '../ring/hashes/registry.ts'
import type { RingOptions } from '../ring/options.ts'
import { createRing, type Ring } from '../ring/ring.ts'
import { parseServer, type RingServer } from '../ring/server.ts'
import { Pauses } from './abort.ts'
import { type ArgumentRule, badSimulation, checkArguments } from './arguments.ts'
import { type ChangeOverTime, costOfChange, isCountable } from './change-cost.ts'
import {
  type ChangePlan,
  type ChangeTraffic,
  planOfTraffic,
  trafficRules,
} from './change-traffic.ts'

/** Servers, and how keys are placed on them. */
export interface PlacementOf extends RingOptions {
  /** The servers, as passed to a client. */
  readonly servers: readonly RingServer[]
}

/** A change of servers, or of the placement of keys, under traffic. */
export interface HandoverInput extends ChangeTraffic {
  /** The servers before the change. */
  readonly from: PlacementOf
  /** The servers after the change. */
  readonly to: PlacementOf
  /** Number of keys; the first ones are the most popular. Default 1,000,000. */
  readonly keys?: number | undefined
  /** The format of keys, in which `%d` becomes the number of the key. Default `key:%d`. */
  readonly keyFormat?: string | undefined
  /** Aborts the simulation, which then rejects with MINTRING_ABORTED. */
  readonly signal?: AbortSignal | undefined
}

const DEFAULT_KEYS = 1_000_000
const MAX_KEYS = 10_000_000

const RULES: Readonly<Record<keyof HandoverInput, ArgumentRule>> = {
  ...trafficRules,
  from: 'checked elsewhere',
  to: 'checked elsewhere',
  keys: { min: 1, max: MAX_KEYS, isWhole: true },
  keyFormat: 'checked elsewhere',
  signal: 'checked elsewhere',
}

/**
 * Counts the loads that a change of servers causes over time, with handover of values and without.
 * Keys are placed by real rings, and processes follow the rules of a real change, in virtual time.
 * The same seed gives the same counts.
 *
 * @throws MintringError MINTRING_BAD_ARGUMENT for invalid input, and what `createRing` throws.
 */
export async function handover(input: HandoverInput): Promise<ChangeOverTime> {
  const plan = checkHandover(input)
  const { from, to, keys = DEFAULT_KEYS, keyFormat = 'key:%d' } = input
  const rings = [ringOf('from', from), ringOf('to', to)] as const
  await Promise.all([loadHash('xxh32'), loadHash('xxh64')])
  const [head = '', tail = ''] = keyFormat.split('%d')
  const isMoved = movesBetween(...rings)
  const isRankMoved = (rank: number): boolean => isMoved(`${head}${rank}${tail}`)
  return costOfChange(keys, isRankMoved, plan, new Pauses(input.signal))
}

function movesBetween(from: Ring, to: Ring): (key: string) => boolean {
  const homes = new Map(to.servers.map((server, index) => [addressOf(server), index]))
  const kept = from.servers.map((server) => homes.get(addressOf(server)))
  return (key) => kept[from.indexOf(key)] !== to.indexOf(key)
}

/** Compares servers by their address; names do not count. */
function addressOf(server: RingServer): string {
  const { host, port } = parseServer(server)
  return `${host}:${port}`
}

function ringOf(name: 'from' | 'to', placement: PlacementOf): Ring {
  if (typeof placement !== 'object' || placement === null || !Array.isArray(placement.servers)) {
    throw bad(`${name} must be { servers, ...placement }`)
  }
  const { servers, ...options } = placement
  return createRing(servers, options)
}

function checkHandover(input: HandoverInput): ChangePlan {
  checkArguments('handover', input, RULES)
  checkBounds({ signal: input.signal })
  const { keyFormat } = input
  if (keyFormat !== undefined) {
    const isText = typeof keyFormat === 'string' && keyFormat.split('%d').length === 2
    if (!isText) throw bad(`keyFormat must have exactly one %d: '${String(keyFormat)}'`)
  }
  for (const name of ['requestsPerSecond', 'hitRatio'] as const) {
    if (input[name] === undefined) throw bad(`${name} is missing`)
  }
  const plan = planOfTraffic(input, bad)
  if (!isCountable(plan)) throw bad('these are more than 20 million loads and writes to simulate')
  return plan
}

const bad = (why: string): Error => badSimulation('handover', why)
