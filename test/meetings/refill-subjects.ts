import { CALL_MS } from './cell.ts'
import {
  LOADED,
  MISSED,
  POLICY,
  type Subject,
  saysWhether,
  tellsNew,
  textOf,
  UNCHANGED,
} from './subject.ts'

/**
 * The time for exchanges with the cache, for another process that may be loading, and for the load.
 */
const REFILL_MS = 4 * CALL_MS
const STREAM_MS = 100

/** Verbs that load, and `invalidate`, after which others load. */
export const refills: readonly Subject[] = [
  {
    name: 'getOrSet of an absent key',
    kind: 'refill',
    before: 'nothing',
    limitMs: REFILL_MS,
    call: ({ client, key }, options) => {
      return client.getOrSet(key, () => textOf('new', key), { ...POLICY, ...options })
    },
    fate: tellsNew,
    ends: LOADED,
  },
  {
    name: 'getOrSet of a fresh key',
    kind: 'refill',
    before: 'page',
    limitMs: REFILL_MS,
    call: ({ client, key }, options) => {
      return client.getOrSet(key, () => textOf('new', key), { ...POLICY, ...options })
    },
    fate: (value, key) => {
      if (value === textOf('new', key)) return 'denied'
      return value === textOf('old', key) ? 'done' : 'wrong'
    },
    ends: { done: ['old'], denied: ['old', 'new', 'absent'], unsent: ['old'], unknown: ['old'] },
    ifLost: { unknown: ['old', 'new', 'absent'] },
  },
  {
    name: 'getOrSetMany',
    kind: 'refill',
    before: 'nothing',
    isBatch: true,
    limitMs: REFILL_MS,
    call: ({ client, keys }, options) => {
      const load = (missing: readonly string[]): Map<string, string> => {
        return new Map(missing.map((key) => [key, textOf('new', key)]))
      }
      return client.getOrSetMany(keys, load, { ...POLICY, ...options })
    },
    fate: (value, key) => tellsNew((value as Map<string, unknown>).get(key), key),
    ends: LOADED,
  },
  {
    name: 'refresh',
    kind: 'write',
    before: 'page',
    limitMs: REFILL_MS,
    call: ({ client, key }, options) => {
      return client.refresh(key, () => textOf('new', key), { ...POLICY, ...options })
    },
    fate: tellsNew,
    ends: {
      done: ['new', 'absent', 'marked'],
      unsent: ['old', 'marked', 'new', 'absent'],
      unknown: ['old', 'marked', 'new', 'absent'],
    },
  },
  {
    name: 'invalidate',
    kind: 'write',
    before: 'page',
    limitMs: REFILL_MS,
    call: ({ client, key }, options) => client.invalidate(key, { ...POLICY, ...options }),
    fate: saysWhether,
    ends: {
      done: ['marked', 'absent'],
      unsent: ['old', 'marked', 'absent'],
      unknown: ['old', 'marked', 'absent'],
    },
    ifLost: { denied: ['marked', 'absent'] },
  },
]

/** Verbs that end when their host has sent everything, or when their reader stops. */
export const streams: readonly Subject[] = [
  {
    name: 'metadump',
    kind: 'stream',
    before: 'value',
    marker: 'metadump',
    limitMs: REFILL_MS,
    call: async ({ client, places }, { signal }) => {
      const found: string[] = []
      for await (const item of client.metadump({ host: places[0], signal })) found.push(item.key)
      return found
    },
    fate: (value, key) => ((value as string[]).includes(key) ? 'done' : 'denied'),
    ends: UNCHANGED,
    ifLost: MISSED,
  },
  {
    name: 'watch',
    kind: 'stream',
    before: 'value',
    marker: 'watch',
    limitMs: REFILL_MS,
    call: async ({ client, places }, { signal }) => {
      const over = AbortSignal.timeout(STREAM_MS)
      const either = signal === undefined ? over : AbortSignal.any([signal, over])
      const events = client.watch(['mutations'], { host: places[0], signal: either })
      try {
        for await (const event of events) if (event.type === '') return 'wrong'
      } catch (error) {
        if (!over.aborted) throw error
      }
      return 'over'
    },
    fate: (value) => (value === 'over' ? 'done' : 'wrong'),
    ends: UNCHANGED,
    ifLost: MISSED,
  },
]
