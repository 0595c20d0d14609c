import type { MintringError } from '../errors.ts'
import { parseServer, type RingServer, saysWeight } from '../ring/server.ts'
import { MAX_WEIGHT } from '../ring/server-text.ts'
import { badSimulation as badArgumentOf, checkArguments } from './arguments.ts'

const MAX_SERVERS = 100_000

/** A change of servers. All fields that are set happen at once, as one change. */
export interface RemapChange {
  /**
   * How many servers leave (the result is the average over different ones), or which, by address or
   * name.
   */
  readonly remove?: number | readonly string[] | undefined
  /**
   * How many servers of weight 1 join (the result is the average over different ones), or which.
   */
  readonly add?: number | readonly RingServer[] | undefined
  /**
   * New servers by the address or name of the server that each replaces. A new server takes the old
   * one's place in the list, and its weight unless it has its own.
   */
  readonly replace?: Readonly<Record<string, RingServer>> | undefined
  /** New weights, by address or name. */
  readonly reweight?: Readonly<Record<string, number>> | undefined
}

/** One variant of the change, such as one server that could leave. */
export interface Trial {
  /** The variant as text, such as `-10.0.0.3:11211`. */
  readonly change: string
  readonly servers: readonly RingServer[]
}

/** Returns a list of `count` servers of weight 1: `10.0.0.1:11211` and so on. */
export function generatedServers(count: number): string[] {
  if (!(Number.isInteger(count) && count >= 1 && count <= MAX_SERVERS)) {
    throw badArgument(`servers must be a list or a whole number up to ${MAX_SERVERS}, not ${count}`)
  }
  return Array.from({ length: count }, (_, i) => generated(10, i))
}

function generated(net: number, i: number): string {
  const host = i + 1
  return `${net}.${(host >> 16) & 255}.${(host >> 8) & 255}.${host & 255}:11211`
}

/** Describes the change: `remove 1, add 2`. */
export function describeChange(change: RemapChange): string {
  const parts: string[] = []
  const { remove, add, replace = {}, reweight = {} } = change
  if (remove !== undefined)
    parts.push(`remove ${typeof remove === 'number' ? remove : remove.join(' ')}`)
  if (add !== undefined) {
    parts.push(
      `add ${typeof add === 'number' ? add : add.map((server) => labelOf(server)).join(' ')}`,
    )
  }
  for (const [old, next] of Object.entries(replace))
    parts.push(`replace ${old} by ${labelOf(next)}`)
  for (const [server, weight] of Object.entries(reweight)) parts.push(`weigh ${server} ${weight}`)
  return parts.join(', ')
}

/**
 * Returns the variants of the change, at most `limit`, spread evenly over the servers. One variant
 * alone is not representative: ±8 % of the result on a ring of ten.
 *
 * @throws MintringError MINTRING_BAD_ARGUMENT for an invalid change.
 */
export function trialsOf(
  servers: readonly RingServer[],
  change: RemapChange,
  limit: number,
): readonly Trial[] {
  checkChange(servers, change)
  const averaged = typeof change.remove === 'number' || typeof change.add === 'number'
  const count = averaged ? Math.max(1, Math.min(limit, servers.length)) : 1
  return Array.from({ length: count }, (_, i) => {
    return trialAt(servers, change, Math.floor((i * servers.length) / count), i)
  })
}

function trialAt(
  servers: readonly RingServer[],
  change: RemapChange,
  first: number,
  trial: number,
): Trial {
  const leaving = leavingServers(servers, change.remove ?? 0, first)
  const joining = joiningServers(change.add ?? 0, trial)
  const replaced = servers.map((server, index) => altered(server, index, servers, change))
  const kept = replaced.filter((_, index) => !leaving.has(index))
  const told = [
    ...[...leaving].map((index) => `-${labelOf(servers[index]!)}`),
    ...joining.map((server) => `+${labelOf(server)}`),
    ...replaced.flatMap((server, index) => {
      if (server === servers[index]) return []
      return [`${labelOf(servers[index]!)} > ${labelOf(server)}:${parseServer(server).weight}`]
    }),
  ]
  return { change: told.join(' '), servers: [...kept, ...joining] }
}

function leavingServers(
  servers: readonly RingServer[],
  remove: number | readonly string[],
  first: number,
): Set<number> {
  if (typeof remove !== 'number') return new Set(remove.map((name) => positionOf(servers, name)))
  return new Set(Array.from({ length: remove }, (_, i) => (first + i) % servers.length))
}

function joiningServers(add: number | readonly RingServer[], trial: number): readonly RingServer[] {
  if (typeof add !== 'number') return add
  return Array.from({ length: add }, (_, i) => generated(11, trial * add + i))
}

function altered(
  server: RingServer,
  index: number,
  servers: readonly RingServer[],
  change: RemapChange,
): RingServer {
  for (const [old, next] of Object.entries(change.replace ?? {})) {
    if (positionOf(servers, old) === index) return saysWeight(next) ? next : weighed(next, server)
  }
  for (const [name, weight] of Object.entries(change.reweight ?? {})) {
    if (positionOf(servers, name) === index) return weighed(server, { weight })
  }
  return server
}

function weighed(server: RingServer, like: RingServer): RingServer {
  const { label: _label, ...rest } = parseServer(server)
  return { ...rest, weight: typeof like === 'string' ? parseServer(like).weight : like.weight }
}

function positionOf(servers: readonly RingServer[], name: string): number {
  const wanted = parseServer(name).label
  const position = servers.findIndex((server) => {
    const { label } = parseServer(server)
    return label === name || label === wanted
  })
  if (position < 0) throw badArgument(`no server '${name}' to change`)
  return position
}

function checkChange(servers: readonly RingServer[], change: RemapChange): void {
  const { remove, add, replace = {}, reweight = {} } = change
  const nothing = describeChange(change) === '' || (remove === 0 && add === undefined)
  if (nothing) throw badArgument('no change: pass remove, add, replace or reweight')
  const leaving = typeof remove === 'number' ? remove : (remove?.length ?? 0)
  const joining = typeof add === 'number' ? add : (add?.length ?? 0)
  if (leaving > servers.length || servers.length - leaving + joining < 1) {
    throw badArgument(`removing ${leaving} of ${servers.length} servers leaves none`)
  }
  const removed = typeof remove === 'object' ? remove : []
  const changed = new Set<number>()
  for (const name of [...removed, ...Object.keys(replace), ...Object.keys(reweight)]) {
    const position = positionOf(servers, name)
    if (changed.has(position)) throw badArgument(`'${name}' is changed twice`)
    changed.add(position)
  }
}

/**
 * Checks the types in a change.
 *
 * @throws MintringError MINTRING_BAD_ARGUMENT if a part has the wrong type.
 */
export function checkChangeTypes(change: unknown): void {
  const rule = 'checked elsewhere'
  checkArguments('remap change', change as object, {
    ...{ remove: rule, add: rule, replace: rule, reweight: rule },
  })
  const { remove, add, replace, reweight } = change as Record<keyof RemapChange, unknown>
  countOrList('remove', remove)
  countOrList('add', add)
  if (Array.isArray(remove) && !remove.every((name) => typeof name === 'string')) {
    throw badArgument('remove takes names of servers')
  }
  for (const [name, value] of Object.entries({ replace, reweight })) {
    if (value === undefined) continue
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) continue
    throw badArgument(`${name} must be an object with servers as its keys, not ${String(value)}`)
  }
  for (const weight of Object.values((reweight ?? {}) as Record<string, unknown>)) {
    if (typeof weight === 'number' && weight > 0 && weight <= MAX_WEIGHT) continue
    throw badArgument(`a weight must be above 0 and at most ${MAX_WEIGHT}, not ${String(weight)}`)
  }
}

function countOrList(name: string, value: unknown): void {
  if (value === undefined || Array.isArray(value)) return
  const isCount = Number.isInteger(value) && (value as number) >= 0
  if (isCount && (value as number) <= MAX_SERVERS) return
  throw badArgument(`${name} must be a list or a whole number up to ${MAX_SERVERS}, not ${value}`)
}

function labelOf(server: RingServer): string {
  return parseServer(server).label
}

function badArgument(why: string): MintringError {
  return badArgumentOf('remap', why)
}
