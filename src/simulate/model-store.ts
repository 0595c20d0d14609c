import { MintringError } from '../errors.ts'
import type {
  Dialect,
  EncodedItem,
  Place,
  Reader,
  ReadHandle,
  RefillStore,
  StoreAnswer,
  StoreCommand,
} from '../refill/store.ts'
import type { TagChange } from '../tags/desk.ts'
import type { TagHandle, TagReader } from '../tags/look.ts'
import type { ModelServer } from './model-server.ts'
import type { VirtualTime } from './virtual-time.ts'

const MAX_BODY_BYTES = 1024 * 1024

/** The network between a process and the server. */
export interface ModelNetwork {
  readonly dialect: Dialect
  /** The longest delay of one command in milliseconds; the shortest is a tenth of that. */
  readonly latencyMs: number
  /** Whether commands of other processes may run between the two commands of one write. */
  readonly interleaves: boolean
}

/**
 * The connection of one process to the model server: commands arrive in order and delayed, and the
 * connection breaks if either side dies.
 */
export class ModelStore implements RefillStore {
  readonly isStamped = true
  readonly #server: ModelServer
  readonly #time: VirtualTime
  readonly #network: ModelNetwork
  readonly #isAlive: () => boolean
  #place: Place
  #lastMs = 0
  /** How many reads and stores were sent, for statistics. */
  commands = 0

  constructor(
    server: ModelServer,
    time: VirtualTime,
    network: ModelNetwork,
    isAlive: () => boolean = () => true,
  ) {
    this.#server = server
    this.#time = time
    this.#network = network
    this.#isAlive = isAlive
    this.#place = server.life
  }

  read(
    key: string,
    vivifySeconds: number,
    refreshBelowSeconds: number,
    reader: Reader,
  ): ReadHandle {
    const command: StoreCommand =
      this.#network.dialect === 'classic'
        ? { name: 'gets' }
        : { name: 'mg', vivifySeconds, refreshBelowSeconds, value: true }
    const handle = { sent: false, promise: Promise.resolve() as Promise<unknown> }
    const place = this.#connected()
    // Like the client, sends all reads of one event-loop turn at the end of that turn.
    this.#time.after(0, () => {
      handle.sent = true
    })
    handle.promise = this.#send(place, key, [command]).then(
      ([answer]) => reader.answered(answer!),
      (error: unknown) => reader.failed(error),
    )
    return handle
  }

  checkKey(): void {}

  place(): Place {
    return this.#connected()
  }

  exchange(
    place: Place,
    key: string,
    commands: readonly StoreCommand[],
  ): Promise<readonly StoreAnswer[]> {
    return place === this.#connected() ? this.#send(place, key, commands) : Promise.reject(cut())
  }

  spread(key: string, commands: readonly StoreCommand[]): Promise<readonly StoreAnswer[]> {
    return this.#send(this.#connected(), key, commands)
  }

  readTag(name: string, reader: TagReader): TagHandle {
    const handle = { sent: false }
    this.#time.after(0, () => {
      handle.sent = true
    })
    this.#sendTag((server) => server.readTag(name)).then(
      (answer) => {
        if (answer.found) reader.found(String(answer.bytes()), answer.flags)
        else reader.absent()
      },
      (error: unknown) => reader.failed(error),
    )
    return handle
  }

  changeTag(name: string, change: TagChange): Promise<void> {
    return this.#sendTag((server) => server.changeTag(name, change, this.#draw()))
  }

  encode(value: unknown): EncodedItem {
    return { body: JSON.stringify(value), flags: 1 }
  }

  decode({ body }: EncodedItem): unknown {
    return JSON.parse(String(body))
  }

  fits(_key: string, bodyBytes: number): boolean {
    return bodyBytes < MAX_BODY_BYTES
  }

  /** A connection breaks when the server restarts; the next call opens another one. */
  #connected(): Place {
    this.#place = this.#server.life
    return this.#place
  }

  #send(
    place: Place,
    key: string,
    commands: readonly StoreCommand[],
  ): Promise<readonly StoreAnswer[]> {
    // A dead process sends nothing and gets no reply.
    if (!this.#isAlive()) return new Promise(() => {})
    this.commands += commands.length
    return new Promise((resolve, reject) => {
      const answers: StoreAnswer[] = []
      let atMs = 0
      commands.forEach((command, i) => {
        atMs = i > 0 && !this.#network.interleaves ? atMs : this.#arrival()
        this.#at(atMs, () => {
          // Commands that a dead process has already sent still arrive.
          if (place !== this.#server.life) return
          answers.push(this.#server.execute(key, command))
        })
      })
      this.#lastMs = atMs
      this.#at(atMs + this.#delay(), () => {
        if (!this.#isAlive()) return
        if (answers.length === commands.length) resolve(answers)
        else reject(cut())
      })
    })
  }

  #sendTag<Result>(execute: (server: ModelServer) => Result): Promise<Result> {
    if (!this.#isAlive()) return new Promise(() => {})
    const place = this.#connected()
    this.commands++
    const atMs = this.#arrival()
    return new Promise((resolve, reject) => {
      let result: { readonly value: Result } | undefined
      this.#at(atMs, () => {
        if (place === this.#server.life) result = { value: execute(this.#server) }
      })
      this.#at(atMs + this.#delay(), () => {
        if (!this.#isAlive()) return
        if (result === undefined) reject(cut())
        else resolve(result.value)
      })
    })
  }

  /** Returns 64 random bits; virtual time provides 32 at a time. */
  #draw(): bigint {
    const half = (): bigint => BigInt(Math.floor(this.#time.random() * 2 ** 32))
    return (half() << 32n) | half()
  }

  /** Returns when a command arrives: never before one that this process sent earlier. */
  #arrival(): number {
    this.#lastMs = Math.max(this.#lastMs, this.#time.nowMs + this.#delay())
    return this.#lastMs
  }

  #at(atMs: number, task: () => void): void {
    this.#time.after(atMs - this.#time.nowMs, task)
  }

  #delay(): number {
    const { latencyMs } = this.#network
    return Math.max(1, Math.round(latencyMs * (0.1 + 0.9 * this.#time.random())))
  }
}

function cut(): MintringError {
  return new MintringError('MINTRING_CONNECTION', 'The connection to the model was cut')
}
