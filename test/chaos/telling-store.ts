import type { ClientCore } from '../../src/client/core.ts'
import { ClusterStore } from '../../src/client/refill-store.ts'
import type {
  Elsewhere,
  KeyHome,
  Reader,
  ReadHandle,
  StoreAnswer,
  StoreCommand,
} from '../../src/refill/store.ts'

/** Receives which host handled which command about a key. */
interface Witness {
  answered(key: string, host: string): void
  took(key: string, host: string): void
}

/**
 * The client's own store, which also reports the host that answered a read or took an invalidation.
 */
export class TellingStore extends ClusterStore {
  readonly #witness: Witness

  constructor(core: ClientCore, witness: Witness) {
    super(core)
    this.#witness = witness
  }

  override read(key: string, vivify: number, below: number, reader: Reader): ReadHandle {
    const witness = this.#witness
    return super.read(key, vivify, below, {
      answered(item) {
        witness.answered(key, item.place().name)
        return reader.answered(item)
      },
      failed: (error) => reader.failed(error),
    })
  }

  override async spread(
    key: string,
    commands: readonly StoreCommand[],
    home?: KeyHome,
  ): Promise<readonly StoreAnswer[]> {
    const answers = await super.spread(key, commands, home)
    commands.forEach(({ name, beside }, i) => {
      const isMark = beside === undefined && name !== 'mg' && name !== 'touch'
      if (isMark) this.#witness.took(key, answers[i]!.place().name)
    })
    return answers
  }

  override elsewhere(
    key: string,
    after: readonly StoreCommand[],
    isAgain: boolean,
  ): Promise<Elsewhere | undefined> | undefined {
    const looking = super.elsewhere(key, after, isAgain)
    return looking?.then((found) => {
      if (found !== undefined) this.#witness.answered(key, found.item.place().name)
      return found
    })
  }
}
