import type {
  EncodedItem,
  Place,
  Reader,
  ReadHandle,
  RefillStore,
  StoreAnswer,
  StoreCommand,
} from '../../src/refill/store.ts'

/**
 * Mistakes that a refill could make, each planted by a store between the algorithm and the cache. A
 * check that does not find them proves nothing when it finds nothing.
 */
export const MUTATIONS = [
  /** Stores without checking the CAS id of the lease. */
  'noFence',
  /**
   * Writes the stale value back with a longer ttl, and stores without a fence: MintCache's
   * algorithm.
   */
  'writeBack',
  /** Lets a caller join a read that was already sent. */
  'joinSent',
  /** Lets the store of an older value succeed as a stale value (`ms … I`). */
  'staleStore',
  /**
   * Joins any load of an absent key in this process, and uses its value even when its lease was
   * lost.
   */
  'trustLost',
  /** Continues with a lease after the server restarted. */
  'noEpoch',
] as const

export type Mutation = (typeof MUTATIONS)[number]

/** What some mistakes have to remember. */
interface Memory {
  readonly coldCas: Map<string, string>
  readonly places: Map<string, Place>
}

/** A store that makes one mistake. */
export function mutate(
  inner: RefillStore,
  mutation: Mutation | undefined,
  staleStore: (place: Place, key: string, command: StoreCommand) => Promise<StoreAnswer> = nothing,
): RefillStore {
  if (mutation === undefined) return inner
  const memory: Memory = { coldCas: new Map(), places: new Map() }
  const stable = (place: Place): Place => {
    if (mutation !== 'noEpoch') return place
    const known = memory.places.get(place.name) ?? place
    memory.places.set(place.name, known)
    return known
  }
  const unfenced = mutation === 'noFence' || mutation === 'writeBack'
  return {
    get isStamped() {
      return inner.isStamped
    },
    checkKey: (key) => inner.checkKey(key),
    read(key, vivifySeconds, refreshBelowSeconds, reader) {
      const told = mutatedReader(key, reader, mutation, memory, inner, stable)
      const handle = inner.read(key, vivifySeconds, refreshBelowSeconds, told)
      return mutation === 'joinSent' ? neverSent(handle) : handle
    },
    place(key) {
      const place = inner.place(key)
      return place === undefined ? undefined : stable(place)
    },
    async exchange(place, key, commands) {
      const now = mutation === 'noEpoch' ? (inner.place(key) ?? place) : place
      const [first] = commands
      if (first?.name === 'ms' && mutation === 'staleStore') {
        return [await staleStore(now, key, first)]
      }
      const sent = unfenced ? commands.map(withoutFence) : commands
      const answers = await inner.exchange(now, key, sent)
      if (mutation === 'trustLost' && (first?.name === 'ms' || first?.name === 'cas')) {
        return answers.map((answer) => ({ ...answer, status: 'done' as const }))
      }
      return answers.map((answer) => ({ ...answer, place: () => stable(answer.place()) }))
    },
    spread: (key, commands) => inner.spread(key, commands),
    readTag: (name, reader) => inner.readTag(name, reader),
    changeTag: (name, change) => inner.changeTag(name, change),
    encode: (value) => inner.encode(value),
    decode: (encoded) => inner.decode(encoded),
    fits: (key, bytes) => inner.fits(key, bytes),
  }
}

function mutatedReader(
  key: string,
  reader: Reader,
  mutation: Mutation,
  memory: Memory,
  inner: RefillStore,
  stable: (place: Place) => Place,
): Reader {
  return {
    answered(item) {
      const isPlaceholder = item.size === 0 && item.found
      if (mutation === 'trustLost' && isPlaceholder && item.won) memory.coldCas.set(key, item.cas)
      const joins = mutation === 'trustLost' && isPlaceholder && item.lost
      const cas = (joins ? memory.coldCas.get(key) : undefined) ?? item.cas
      const place = item.place()
      if (mutation === 'writeBack' && item.won && !isPlaceholder) {
        const encoded: EncodedItem = { body: Uint8Array.from(item.bytes()), flags: item.flags }
        const back: StoreCommand = { name: 'ms', encoded, ttlSeconds: 10 }
        queueMicrotask(() => inner.exchange(place, key, [back]).catch(() => {}))
      }
      return reader.answered({
        found: item.found,
        flags: item.flags,
        size: item.size,
        ttlSeconds: item.ttlSeconds,
        won: item.won,
        lost: item.lost,
        stale: item.stale,
        cas,
        tail: item.tail,
        hasDigest: (digest) => item.hasDigest(digest),
        place: () => stable(place),
        decode: () => item.decode(),
        bytes: () => item.bytes(),
        keep: () => item.keep(),
      })
    },
    failed: (error) => reader.failed(error),
  }
}

function withoutFence(command: StoreCommand): StoreCommand {
  if (command.name === 'ms') {
    const { name, encoded, ttlSeconds } = command
    return { name, encoded, ttlSeconds }
  }
  return command
}

/** Never reports that its read was sent, so that callers can join it for too long. */
function neverSent({ promise }: ReadHandle): ReadHandle {
  return { sent: false, promise }
}

function nothing(): Promise<StoreAnswer> {
  throw new Error('this world has no stale store')
}
