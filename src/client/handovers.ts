import { checkOptionNames, type OptionNames } from '../arguments.ts'
import type { Behaviors } from '../behaviors/behaviors.ts'
import { badBehavior, parseValue } from '../behaviors/check.ts'
import {
  announceSecondsOf,
  handoverSecondsOf,
  refuseShortHandover,
} from '../behaviors/interplay.ts'
import { toClusterPolicy } from '../behaviors/policies.ts'
import { resolveBehaviors } from '../behaviors/resolve.ts'
import { rowOf } from '../behaviors/table.ts'
import type { Previous } from '../behaviors/types.ts'
import { messageOf } from '../errors.ts'
import { parseServers } from '../hosts/address.ts'
import type { HandoverChange, PreviousPlacement, Rename } from '../hosts/previous-places.ts'
import { mainKeyOf, RESERVED } from '../protocol/own-key.ts'
import type { Seconds } from '../refill/policy.ts'
import { HASH_MARK, Keys } from './keys.ts'
import { isTagKey, nameStart, TAG_ROUTE, tagRouteOf } from './own-items.ts'

/** The options of setServers(). Defaults: the behaviors of the same name. */
export interface ChangeOptions {
  /** How long values may move to their new hosts: seconds, or `'10m'`; 0 moves none. */
  readonly handover?: Seconds | undefined
  /** How long processes may disagree about the server list: seconds, or `'1m'`. */
  readonly announce?: Seconds | undefined
}

const CHANGE_OPTIONS: OptionNames = new Set(['handover', 'announce'])

/** The prefix of the items in which mintring records a handover. */
const OWN = `${RESERVED}mintring~`
const CHUNK = '~chunk~'
const CHUNK_KEY = /^~chunk~[\da-f-]{36}~\d+$/

/**
 * Returns the settings of a handover; undefined for none. Throws MINTRING_BAD_ARGUMENT and
 * MINTRING_BAD_BEHAVIOR for invalid options.
 */
export function changeOf(
  behaviors: Behaviors,
  options: ChangeOptions = {},
  isConfigured = false,
): HandoverChange | undefined {
  checkOptionNames('setServers', options, CHANGE_OPTIONS)
  const handover = secondsOf('handover', options.handover) ?? handoverSecondsOf(behaviors)
  const announce = secondsOf('announce', options.announce) ?? announceSecondsOf(behaviors)
  refuseShortHandover(handover, announce)
  if (handover === 0) return undefined
  return {
    times: { announceMs: announce * 1000, handoverMs: handover * 1000 },
    isConfigured,
    ...namesOf(behaviors),
  }
}

/**
 * Returns the placement of the behavior `previous`. Throws MINTRING_BAD_BEHAVIOR if it is invalid.
 */
export function previousOf(behaviors: Behaviors): PreviousPlacement | undefined {
  const { previous } = behaviors
  if (previous === undefined) return undefined
  const change = changeOf(behaviors, {}, true)
  const { servers, username, password, ...rest } = previous
  const before = settingsOf(behaviors, rest)
  const parsed = parseServers(servers)
  const credentials = username === undefined ? {} : { username, password }
  if (change === undefined) return undefined
  const rename = renameOf(behaviors, before)
  return {
    servers: parsed.map((server) => ({ ...credentials, ...server })),
    options: toClusterPolicy(before),
    rename,
    names: rename && { before: namingOf(before), now: namingOf(behaviors) },
    change:
      rename === undefined
        ? change
        : { ...change, isOurs: withoutNamesOf(behaviors, before, change) },
  }
}

/** Fills in `previous` with the current settings, except for the placement settings of a preset. */
function settingsOf(
  behaviors: Behaviors,
  { valueFlags, ...rest }: Omit<Previous, 'servers' | 'username' | 'password'>,
): Behaviors {
  if (valueFlags !== undefined && valueFlags !== behaviors.valueFlags) {
    throw badBehavior(
      `previous.valueFlags is '${valueFlags}' and valueFlags '${behaviors.valueFlags}': ` +
        'values keep their flags when they move, so change valueFlags once the handover is over',
    )
  }
  const { keyPrefix, hashWithPrefixKey, longKeys, distribution, hash, hashTag } = behaviors
  const { weighted, serverOrder, pointHash, labelFormat, vnodes, replicas, tableSize } = behaviors
  const placement = { distribution, hash, hashTag, weighted, serverOrder, pointHash, labelFormat }
  const isOther = rest.preset !== undefined || rest.distribution !== undefined
  const known = isOther ? {} : { ...placement, vnodes, replicas, tableSize }
  const given = Object.entries({ ...known, ...rest }).filter(([, value]) => value !== undefined)
  const names = { keyPrefix, hashWithPrefixKey, longKeys }
  try {
    return resolveBehaviors({ ...names, ...Object.fromEntries(given) })
  } catch (error) {
    throw badBehavior(`previous: ${messageOf(error)}`)
  }
}

/** Returns a function that gives a key's names before the change; undefined if none changed. */
function renameOf(now: Behaviors, before: Behaviors): Rename | undefined {
  const isSame =
    now.keyPrefix === before.keyPrefix && now.hashWithPrefixKey === before.hashWithPrefixKey
  if (isSame) return undefined
  // Throws for an invalid prefix.
  new Keys(before)
  const routed = now.hashWithPrefixKey ? now.keyPrefix.length : 0
  const routedBefore = before.hashWithPrefixKey ? before.keyPrefix : ''
  const wire = wired(now.keyPrefix)
  const wireBefore = wired(before.keyPrefix)
  const renamed = (name: string): string =>
    name.startsWith(wire) ? wireBefore + name.slice(wire.length) : name
  const reroute = (routeKey: string): string => {
    // The ring hashes the name of a tag without a prefix, and the whole key of a chunk.
    if (routeKey.startsWith(TAG_ROUTE)) return routeKey
    const isChunk = routeKey.startsWith(wire) && CHUNK_KEY.test(routeKey.slice(wire.length))
    return isChunk ? renamed(routeKey) : routedBefore + routeKey.slice(routed)
  }
  return (routeKey, wireKey) => {
    const at = nameStart(wireKey)
    return [reroute(routeKey), wireKey.slice(0, at) + renamed(wireKey.slice(at))]
  }
}

/** Returns `isOurs` without keys of the previous prefix, which may begin with the current one. */
function withoutNamesOf(now: Behaviors, { keyPrefix }: Behaviors, { isOurs }: HandoverChange) {
  if (!keyPrefix.startsWith(now.keyPrefix) || keyPrefix === now.keyPrefix) return isOurs
  const before = wired(keyPrefix)
  return (wireKey: string): boolean => {
    return isOurs(wireKey) && !wireKey.startsWith(before, nameStart(wireKey))
  }
}

/** Returns a text that is equal for settings under which keys have equal names. */
function namingOf({ keyPrefix, hashWithPrefixKey }: Behaviors): string {
  return JSON.stringify([keyPrefix, hashWithPrefixKey])
}

/** Returns functions that interpret wire keys, used when a host's keys are listed. */
function namesOf({ keyPrefix, hashWithPrefixKey }: Behaviors) {
  const prefix = wired(keyPrefix)
  const isOurs = (wireKey: string): boolean => {
    if (wireKey.startsWith(OWN)) return false
    if (isTagKey(wireKey)) return tagRouteOf(wireKey, prefix) !== undefined
    const main = mainKeyOf(wireKey) ?? wireKey
    return main.startsWith(prefix) || main.startsWith(RESERVED)
  }
  const routeKeyOf = (wireKey: string): string | undefined => {
    if (isTagKey(wireKey)) return tagRouteOf(wireKey, prefix)
    const main = mainKeyOf(wireKey) ?? wireKey
    const name = main.slice(prefix.length)
    if (main.startsWith(RESERVED) || name.startsWith(HASH_MARK)) return undefined
    if (name.startsWith(CHUNK)) return main
    return (hashWithPrefixKey ? keyPrefix : '') + text(name)
  }
  return { isAllOurs: prefix === '', isOurs, routeKeyOf }
}

/** Returns the UTF-8 bytes of a prefix, one latin1 character each. */
function wired(prefix: string): string {
  return Buffer.from(prefix).toString('latin1')
}

function text(wire: string): string {
  return Buffer.from(wire, 'latin1').toString('utf8')
}

function secondsOf(name: 'handover' | 'announce', value: unknown): number | undefined {
  return value === undefined ? undefined : (parseValue(rowOf(name)!, value) as number)
}
