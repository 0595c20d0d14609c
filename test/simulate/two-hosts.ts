import { createHash } from 'node:crypto'
import { MintringError } from '../../src/errors.ts'
import type { Dialect, Item, Place, RefillStore } from '../../src/refill/store.ts'
import { type CasIds, ModelServer } from '../../src/simulate/model-server.ts'
import { wrapped } from './old-ways.ts'

/**
 * Counts CAS ids for each item separately, so that commands on different items lead to the same
 * state in either order. A hash of the item's name keeps the ids of different items different.
 */
export class CasIdsByItem implements CasIds {
  readonly #counts = new Map<string, number>()

  next(name: string): number {
    const count = (this.#counts.get(name) ?? 0) + 1
    this.#counts.set(name, count)
    const digest = createHash('sha1').update(name).digest()
    return digest.readUInt32BE() * 1_000 + count
  }

  restart(): void {
    this.#counts.clear()
  }

  get state(): string {
    return JSON.stringify([...this.#counts].sort())
  }
}

/** What the hosts of a key can do: its home, the fallback host, and home after its return. */
export interface Kinds {
  readonly home: Dialect
  readonly fallback: Dialect
  readonly back: Dialect
}

/**
 * The hosts of the key: its home, and a fallback host that serves it while home is out. Home can
 * end once, which all clients then know, and return once: empty, and perhaps upgraded.
 */
export class ModelHosts {
  readonly home: ModelServer
  readonly #fallback: ModelServer
  readonly #kinds: Kinds
  readonly #names = new Map<Place, string>()
  #phase: 'first' | 'out' | 'back' = 'first'

  constructor(nowMs: () => number, kinds: Kinds) {
    this.#kinds = kinds
    this.home = new ModelServer(nowMs, kinds.home, new CasIdsByItem())
    this.#fallback = new ModelServer(nowMs, kinds.fallback, new CasIdsByItem())
    this.#names.set(this.home.life, 'home').set(this.#fallback.life, 'fallback')
  }

  /** The host that serves the key now. */
  get current(): ModelServer {
    return this.#phase === 'out' ? this.#fallback : this.home
  }

  /** What can happen to home next, if anything. */
  get next(): string | undefined {
    return { first: 'home ends', out: 'home returns', back: undefined }[this.#phase]
  }

  /** Lets it happen. CAS ids then count from the start again. */
  goOn(): void {
    if (this.#phase === 'first') {
      this.home.restart(this.#kinds.back)
      this.#names.set(this.home.life, 'home again')
      this.#phase = 'out'
    } else this.#phase = 'back'
  }

  get dialects(): readonly Dialect[] {
    return [this.home.life.dialect, this.#fallback.life.dialect]
  }

  serverAt(place: Place): ModelServer | undefined {
    return [this.home, this.#fallback].find(({ life }) => life === place)
  }

  nameOf(life: Place): string {
    return this.#names.get(life) ?? 'gone'
  }

  /** The state as text, to compare states. */
  get state(): string {
    return JSON.stringify([this.#phase, this.home.state, this.#fallback.state])
  }
}

/** Returns the error of a command whose server has ended. */
export function cut(): MintringError {
  return new MintringError('MINTRING_CONNECTION', 'The server of the connection has ended')
}

/**
 * A store with a mistake that mintring had before 0.1.0: at its first command a client chooses its
 * commands for all hosts, by whether one of them has no meta commands.
 */
export function choosingByPool(inner: RefillStore, hosts: ModelHosts): RefillStore {
  const places = new Map<Place, Place>()
  let dialect: Dialect | undefined
  const seen = (place: Place): Place => {
    dialect ??= hosts.dialects.includes('classic') ? 'classic' : 'meta'
    const known = places.get(place) ?? { ...place, dialect }
    places.set(place, known)
    return known
  }
  const real = (place: Place): Place => [...places].find(([, one]) => one === place)![0]
  const shown = <Found extends Item>(item: Found): Found => {
    return { ...item, place: () => seen(item.place()) }
  }
  const exchange: RefillStore['exchange'] = async (place, key, commands) => {
    return (await inner.exchange(real(place), key, commands)).map(shown)
  }
  return {
    ...wrapped(inner, exchange),
    place: (key) => seen(inner.place(key)!),
    read(key, vivify, below, reader) {
      seen(inner.place(key)!)
      const told = { ...reader, answered: (item: Item) => reader.answered(shown(item)) }
      if (dialect === 'meta') return inner.read(key, vivify, below, told)
      const reading = inner.spread(key, [{ name: 'gets' }])
      return { sent: true, promise: reading.then(([item]) => told.answered(item!)) }
    },
  }
}
