import { Stamp } from '../../src/refill/paths/stamp.ts'
import type { RefillStore, StoreCommand } from '../../src/refill/store.ts'

/**
 * A store with a mistake that mintring had before 0.1.0. A client renews its lease by two commands:
 * `md I` marks the item stale, then `mg` wins the refill again and returns a new CAS id. If another
 * client invalidates the key between the two, this client does not notice, and its old value is
 * stored.
 */
export function adoptingRenewal(inner: RefillStore): RefillStore {
  const renewed = new Map<string, string>()
  const current = (cas: string): string => renewed.get(cas) ?? cas
  return wrapped(inner, async (place, key, commands) => {
    const [first] = commands
    if (first?.name === 'ms' && first.beside?.startsWith('beat.') && first.cas === undefined) {
      const cas = first.beside.slice('beat.'.length)
      const [marked, read] = await inner.exchange(place, key, [
        { name: 'md', invalidate: true, cas: current(cas), ttlSeconds: 60 },
        { name: 'mg' },
      ])
      if (marked!.status === 'done' && read!.won) renewed.set(cas, read!.cas)
      return [marked!]
    }
    if (first?.name === 'ms' && first.beside === undefined && first.cas !== undefined) {
      return inner.exchange(place, key, [{ ...first, cas: current(first.cas) }])
    }
    return inner.exchange(place, key, commands)
  })
}

/**
 * A store with a mistake that mintring had before 0.1.0: after a miss, a client stores the loaded
 * value as valid before it checks that it still holds the lock.
 */
export function trustingSidecar(inner: RefillStore): RefillStore {
  return wrapped(inner, (place, key, commands) =>
    inner.exchange(place, key, commands.map(confirmed)),
  )
}

function confirmed(command: StoreCommand): StoreCommand {
  if (command.name !== 'ms' || (command.encoded.flags & Stamp.Unconfirmed) === 0) return command
  const { body, flags } = command.encoded
  return { ...command, encoded: { body, flags: flags & ~Stamp.Unconfirmed }, ttlSeconds: 20 }
}

export function wrapped(inner: RefillStore, exchange: RefillStore['exchange']): RefillStore {
  return {
    isStamped: true,
    checkKey: (key) => inner.checkKey(key),
    read: (key, vivify, below, reader) => inner.read(key, vivify, below, reader),
    place: (key) => inner.place(key),
    exchange,
    spread: (key, commands) => inner.spread(key, commands),
    readTag: (name, reader) => inner.readTag(name, reader),
    changeTag: (name, change) => inner.changeTag(name, change),
    encode: (value) => inner.encode(value),
    decode: (encoded) => inner.decode(encoded),
    fits: (key, bytes) => inner.fits(key, bytes),
  }
}
