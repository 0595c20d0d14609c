import type { Clock } from '../../src/refill/clock.ts'
import { Refill } from '../../src/refill/refill.ts'
import type {
  Answer,
  Command,
  Dialect,
  Place,
  Reader,
  ReadHandle,
  RefillStore,
} from '../../src/refill/store.ts'
import type { ModelServer } from '../../src/simulate/model-server.ts'

/** One thing that may happen next. */
interface Step {
  readonly name: string
  run(): void
}

/** Where every choice of what happens next was made, so that the next run can choose otherwise. */
export class Choices {
  readonly #taken: number[] = []
  readonly #options: number[] = []
  readonly #random: (() => number) | undefined
  #at = 0
  runs = 0

  /** With a source of chance, one way through by that; else all ways, one after the other. */
  constructor(random?: () => number) {
    this.#random = random
  }

  /** Picks one of so many. */
  pick(options: number): number {
    const at = this.#at++
    if (at === this.#taken.length) {
      this.#taken.push(Math.floor((this.#random?.() ?? 0) * options))
      this.#options.push(options)
    }
    return this.#taken[at]!
  }

  /** Goes on to the next way through; answers false when all were taken. */
  next(): boolean {
    this.runs++
    this.#at = 0
    while (this.#taken.length > 0) {
      const last = this.#taken.length - 1
      this.#taken[last]!++
      if (this.#taken[last]! < this.#options[last]!) return true
      this.#taken.pop()
      this.#options.pop()
    }
    return false
  }
}

/** A client whose commands wait until a choice lets them happen, one write at a time. */
export class SteppedClient implements RefillStore {
  readonly dialect: Dialect
  readonly refill: Refill
  readonly #server: ModelServer
  readonly #writes: (() => void)[] = []
  isAlive = true

  constructor(server: ModelServer, dialect: Dialect, clock: Clock) {
    this.dialect = dialect
    this.#server = server
    this.refill = new Refill(this, { clock })
  }

  get steps(): Step[] {
    const [write] = this.#writes
    if (write === undefined || !this.isAlive) return []
    return [{ name: 'write', run: () => this.#writes.shift()!() }]
  }

  async learnDialect(): Promise<Dialect> {
    return this.dialect
  }

  read(key: string, vivify: number, refreshBelow: number, reader: Reader): ReadHandle {
    const command: Command =
      this.dialect === 'classic'
        ? { name: 'gets' }
        : { name: 'mg', vivifySeconds: vivify, refreshBelowSeconds: refreshBelow, value: true }
    const promise = this.#send(key, [command]).then(([answer]) => reader.answered(answer!))
    return { sent: true, promise }
  }

  place(): Place {
    return this.#server.life
  }

  exchange(_place: Place, key: string, commands: readonly Command[]): Promise<readonly Answer[]> {
    return this.#send(key, commands)
  }

  spread(key: string, commands: readonly Command[]): Promise<readonly Answer[]> {
    return this.#send(key, commands)
  }

  encode(value: unknown) {
    return { body: JSON.stringify(value), flags: 1 }
  }

  fits(): boolean {
    return true
  }

  #send(key: string, commands: readonly Command[]): Promise<readonly Answer[]> {
    return new Promise((resolve) => {
      this.#writes.push(() => {
        resolve(commands.map((command) => this.#server.execute(key, command)))
      })
    })
  }
}
