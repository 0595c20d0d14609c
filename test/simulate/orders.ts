import type { RefillPolicy } from '../../src/refill/policy.ts'
import type { Dialect, RefillStore } from '../../src/refill/store.ts'
import { adoptingRenewal, trustingSidecar } from './old-ways.ts'
import { readingTagsLate, repeatingVersions, trustingTagsBeside } from './tag-mistakes.ts'
import { choosingByPool, type Kinds, type ModelHosts } from './two-hosts.ts'

/** What the clients of one test do. `every-order.ts` runs it in every order of their commands. */
export interface Plan {
  readonly dialect: Dialect
  readonly policy: RefillPolicy
  readonly writes: number
  /**
   * `set and delete`: by the plain verbs, which know nothing of the key's policy. `lock left`: the
   * same, with a delete that leaves the lock beside the key.
   */
  readonly writeKind: 'invalidate' | 'tags' | 'set and delete' | 'lock left'
  readonly crashes: boolean
  /** Whether the writer invalidates the key without its policy. */
  readonly isPolicyUnknown?: boolean
  /** Which client writes: the second one, which also reads, or a third one. */
  readonly writer: 'a reader' | 'apart'
  /** When the second client reads: at any time, or once the writes are acknowledged. */
  readonly reads: 'at any time' | 'after'
  /** Whether the value is stored already, because the first client read it before. */
  readonly isLoaded?: boolean
  /** Whether the writer has written once, and home ended and returned, before the first read. */
  readonly isUpgraded?: boolean
  /** How many times the tag, and the value, may be evicted. */
  readonly evictions?: { readonly tag: number; readonly value: number }
  /** The maximum number of times that an invalidation of the tag is resent. */
  readonly repeats?: number
  /** How many times the clock may advance while commands are in flight. */
  readonly delays: number
  readonly wrap?: (store: RefillStore, hosts: ModelHosts) => RefillStore
  /** If the key's home ends and returns: what it, and its fallback host, can do. */
  readonly kinds?: Kinds
}

const POLICY = { ttl: 10, staleWhileRevalidate: 10, lease: 2, jitter: 0 } as const
const ONCE = { ttl: 10, staleWhileRevalidate: 0, lease: 2, jitter: 0 } as const
const SIDECAR = { placeholder: 'sidecar' } as const

/** Two readers, one of which may crash, and two writes. */
const CRASH = {
  writes: 2,
  writeKind: 'invalidate',
  writer: 'apart',
  crashes: true,
  delays: 0,
  reads: 'at any time',
} as const
/** Like CRASH, but the second reader also writes. */
const INSIDE = { ...CRASH, writer: 'a reader' } as const
/** A lease is renewed while its loader runs, and the key is invalidated meanwhile. */
const RENEWAL = { ...INSIDE, writes: 1, crashes: false, delays: 1, reads: 'after' } as const

/** The writer stores a value by a plain set, which it then deletes. */
const SET = { ...CRASH, writes: 1, writeKind: 'set and delete' } as const

/** The writer does not know the policy of the key. */
const UNKNOWN = { ...CRASH, isPolicyUnknown: true } as const

const META = { dialect: 'meta', policy: POLICY } as const
const META_ONCE = { dialect: 'meta', policy: ONCE } as const
const BESIDE = { dialect: 'meta', policy: { ...POLICY, ...SIDECAR } } as const
const BESIDE_ONCE = { dialect: 'meta', policy: { ...ONCE, ...SIDECAR } } as const
const CLASSIC = { dialect: 'classic', policy: POLICY } as const

/** Like CRASH, but the writer invalidates a tag of the value instead of its key. */
const TAGS = { ...CRASH, ...META, policy: { ...POLICY, tags: ['t'] }, writeKind: 'tags' } as const
const EVICTION = { evictions: { tag: 1, value: 1 } } as const
const TAGS_BESIDE = { ...POLICY, ...SIDECAR, tags: ['t'] }
const TAG_OF_VALUE = { ...POLICY, tags: () => ['t'] }

export const PLANS: Readonly<Record<string, Plan>> = {
  meta: { ...CRASH, ...META },
  'meta, a reader writes': { ...INSIDE, ...META },
  'meta, no stale window': { ...INSIDE, ...META_ONCE },
  'meta, renewals': { ...RENEWAL, ...META },
  classic: { ...CRASH, ...CLASSIC },
  'classic, a reader writes': { ...INSIDE, ...CLASSIC, writes: 1 },
  'classic, renewals': { ...RENEWAL, ...CLASSIC },
  sidecar: { ...CRASH, ...BESIDE },
  'sidecar, no stale window': { ...CRASH, ...BESIDE_ONCE },
  'sidecar, a reader writes': { ...INSIDE, ...BESIDE, writes: 1 },
  'sidecar, renewals': { ...RENEWAL, ...BESIDE },
  'meta, set and delete': { ...SET, ...META },
  'classic, set and delete': { ...SET, ...CLASSIC },
  'sidecar, set and delete': { ...SET, ...BESIDE },
  'meta, policy unknown': { ...UNKNOWN, ...META },
  'meta, no stale window, policy unknown': { ...UNKNOWN, ...META_ONCE },
  'classic, no stale window, policy unknown': { ...UNKNOWN, ...CLASSIC, policy: ONCE },
  'sidecar, no stale window, policy unknown': { ...UNKNOWN, ...BESIDE_ONCE, writes: 1 },
}

const FROM_META: Kinds = { home: 'meta', fallback: 'classic', back: 'meta' }
const FROM_CLASSIC: Kinds = { home: 'classic', fallback: 'meta', back: 'meta' }
const TO_CLASSIC: Kinds = { home: 'meta', fallback: 'meta', back: 'classic' }
const ENDING = { ...CRASH, crashes: false, writes: 1 } as const
const UPGRADED = { ...ENDING, ...BESIDE, kinds: FROM_CLASSIC, isUpgraded: true } as const

/**
 * The plans in which the key's home ends and returns, in a pool whose hosts differ: one has meta
 * commands and the other has none, or home is upgraded or downgraded meanwhile.
 */
export const MIXED_PLANS: Readonly<Record<string, Plan>> = {
  'mixed, meta home': { ...ENDING, ...META, kinds: FROM_META },
  'mixed, upgraded home': { ...ENDING, ...META, kinds: FROM_CLASSIC },
  'mixed, downgraded home': { ...ENDING, ...META, kinds: TO_CLASSIC },
  'mixed, upgraded home, sidecar': { ...ENDING, ...BESIDE, kinds: FROM_CLASSIC },
  'mixed, meta home, sidecar': { ...ENDING, ...BESIDE, kinds: FROM_META },
  'after an upgrade, sidecar': UPGRADED,
}

/** Commands chosen by pool instead of by host: the test must detect it. */
export const MIXED_MISTAKES: Readonly<Record<string, Plan>> = {
  'commands chosen by pool': { ...UPGRADED, wrap: choosingByPool },
}

const TWO_READERS = { ...TAGS, crashes: false } as const
const LOADED_PAGE = { ...TWO_READERS, policy: TAGS_BESIDE, writes: 1, isLoaded: true } as const

/** The plans in which a tag is invalidated. */
export const TAG_PLANS: Readonly<Record<string, Plan>> = {
  tags: { ...TAGS, ...EVICTION },
  'tags, sent again': { ...TAGS, repeats: 1 },
  'tags, a reader writes': { ...TAGS, writer: 'a reader' },
  'tags, no stale window': { ...TAGS, ...EVICTION, policy: { ...ONCE, tags: ['t'] } },
  'tags of the value': { ...TAGS, ...EVICTION, policy: TAG_OF_VALUE },
  'tags, one invalidation': { ...TWO_READERS, writes: 1 },
  'tags, two invalidations': TWO_READERS,
  'tags beside a page': { ...TAGS, ...EVICTION, policy: TAGS_BESIDE },
  'tags beside a loaded page': LOADED_PAGE,
  'tags, classic': { ...TAGS, ...EVICTION, dialect: 'classic' },
}

/** Plans with deliberate mistakes in the handling of tags: the test must detect each. */
export const TAG_MISTAKES: Readonly<Record<string, Plan>> = {
  'tags read after the load': { ...TWO_READERS, writes: 1, wrap: readingTagsLate },
  'tags with one version per call': { ...TWO_READERS, repeats: 1, wrap: repeatingVersions },
  'tags beside a page that name no page': { ...LOADED_PAGE, wrap: trustingTagsBeside },
}

/** Plans with mistakes of earlier versions: the test must detect each. */
export const OLD_WAYS: Readonly<Record<string, Plan>> = {
  'old renewal': { ...RENEWAL, ...META, wrap: adoptingRenewal },
  'old delete': { ...SET, ...BESIDE, writeKind: 'lock left' },
  'old sidecar store': { ...RENEWAL, ...BESIDE, delays: 0, wrap: trustingSidecar },
}
