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
  /** The servers, as a client is given them. */
  readonly servers: readonly RingServer[]
}

/** A change of servers, or of the way that keys are placed on them, under traffic. */
export interface HandoverInput extends ChangeTraffic {
  /** The servers before the change. */
  readonly from: PlacementOf
  /** The servers after it. */
  readonly to: PlacementOf
  /** How many keys there are, the most popular first; 1,000,000 by default. */
  readonly keys?: number | undefined
  /** `%d` in it becomes the number of a key; `key:%d` by default. */
  readonly keyFormat?: string | undefined
  /** Ends the simulation: it rejects with MINTRING_ABORTED. */
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
 * Counts what a change of servers costs the origin over time, when values are handed over to their
 * new homes and when they are not. Keys are placed by real rings; their processes follow the rules
 * of a real change, in virtual time. The same seed gives the same counts.
 *
 * @throws MintringError MINTRING_BAD_ARGUMENT for a question that is invalid, and what `createRing`
 * throws.
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

/** Servers are the same when they have the same address, whatever they are called. */
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
    if (!isText) throw bad(`keyFormat needs one %d: '${String(keyFormat)}'`)
  }
  for (const name of ['requestsPerSecond', 'hitRatio'] as const) {
    if (input[name] === undefined) throw bad(`${name} is missing`)
  }
  const plan = planOfTraffic(input, bad)
  if (!isCountable(plan)) throw bad('that is more than 20 million loads and writes to follow')
  return plan
}

const bad = (why: string): Error => badSimulation('handover', why)
