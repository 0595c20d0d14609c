import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { forClassicHost } from '../../src/client/refill-commands.ts'
import type { Clock } from '../../src/clock.ts'
import { LOCK } from '../../src/protocol/own-key.ts'
import { Refill } from '../../src/refill/refill.ts'
import type {
  EncodedItem,
  Place,
  Reader,
  ReadHandle,
  RefillStore,
  StoreAnswer,
  StoreCommand,
} from '../../src/refill/store.ts'
import type { ModelServer } from '../../src/simulate/model-server.ts'
import type { TagChange } from '../../src/tags/desk.ts'
import type { TagHandle, TagReader } from '../../src/tags/look.ts'
import { cut, type ModelHosts } from './two-hosts.ts'

/** A step that may happen next, such as the execution of one command. */
export interface Step {
  readonly name: string
  /** The item on the server that it uses; undefined for none. */
  readonly item?: string
  /** Whether it only reads that item. */
  readonly isRead?: boolean
  run(): void
}

/** A command on a tag. `beside` is the name of the tag. */
interface TagCommand {
  readonly name: 'get' | TagChange
  readonly beside: string
}

/** Commands on one connection: they run one by one, in order. */
interface Connection {
  readonly isAboutTag: boolean
  readonly waiting: (StoreCommand | TagCommand)[]
  /** The replies to the commands that were executed; the client gets all replies together. */
  readonly told: string[]
  /** The server, in the life in which the connection was opened. */
  readonly host: string
  /** Whether the server has ended since. */
  isCut(): boolean
  /** Called when the client notices that. */
  end(): void
  execute(command: StoreCommand | TagCommand): string
}

/**
 * A client whose commands wait until a choice lets the server execute one. Each read and each write
 * has its own connection, so any of them may overtake another.
 */
export class SteppedClient implements RefillStore {
  readonly name: string
  readonly isStamped = true
  readonly refill: Refill
  readonly #hosts: ModelHosts
  readonly #connections = new Set<Connection>()
  /** Every reply that this client got. Its next command depends on nothing else. */
  readonly history: string[] = []
  isAlive = true
  /** How many more times a change of a tag whose outcome is unknown may be sent again. */
  repeats = 0
  /** The changes of tags that got no reply yet, and may therefore be sent again. */
  readonly #repeatable = new Set<Step>()
  #draws = 0

  /** `wrap` can replace the store that the refill algorithm uses, to plant a mistake. */
  constructor(
    hosts: ModelHosts,
    clock: Clock,
    wrap: (store: RefillStore, hosts: ModelHosts) => RefillStore = (store) => store,
    name = '',
  ) {
    this.name = name
    this.#hosts = hosts
    this.refill = new Refill(wrap(this, hosts), { clock })
  }

  /** Whether this client has no command in flight. */
  get isQuiet(): boolean {
    return this.#connections.size === 0
  }

  /** Ends the client. Commands that only read have no further effect. */
  die(): void {
    this.isAlive = false
    for (const connection of this.#connections) {
      if (isRead(connection)) this.#connections.delete(connection)
    }
  }

  /**
   * The steps that are possible now. Commands that a client sent before its death may still arrive,
   * or be lost with their connection.
   */
  get steps(): Step[] {
    const connections = [...this.#connections]
    const commands = connections.map((connection) => ({
      name: nameOf(connection.waiting[0]!),
      item: itemOf(connection),
      isRead: isRead(connection),
      run: () => this.#step(connection),
    }))
    if (this.isAlive) return this.repeats > 0 ? [...commands, ...this.#repeatable] : commands
    if (connections.length === 0) return commands
    const lose = (): void => {
      this.history.push('lost')
      this.#connections.delete(connections[0]!)
    }
    return [...commands, { name: 'lose', run: lose }]
  }

  /** The state of this client as text. A dead client has only the commands that it had sent. */
  get state(): string {
    const connections = [...this.#connections].map(({ waiting, told, host }) =>
      JSON.stringify([host, ...(this.isAlive ? [told, waiting.map(nameOf)] : waiting)]),
    )
    const repeats = [this.repeats, this.#repeatable.size, this.#draws]
    return JSON.stringify([this.isAlive ? this.history : 'dead', connections.sort(), repeats])
  }

  /** Executes the command that this client sent last. */
  arrive(): void {
    this.#step([...this.#connections].at(-1)!)
  }

  read(key: string, vivify: number, refreshBelow: number, reader: Reader): ReadHandle {
    const command: StoreCommand = {
      ...{ name: 'mg', vivifySeconds: vivify, refreshBelowSeconds: refreshBelow, value: true },
    }
    const promise = this.spread(key, [command]).then(([answer]) => reader.answered(answer!))
    return { sent: true, promise }
  }

  checkKey(): void {}

  place(): Place {
    return this.#hosts.current.life
  }

  /** Sends commands under a lease: never to another server, nor to another life of this one. */
  exchange(
    place: Place,
    key: string,
    commands: readonly StoreCommand[],
  ): Promise<readonly StoreAnswer[]> {
    const server = this.#hosts.serverAt(place)
    return server === undefined ? Promise.reject(cut()) : this.#send(server, key, commands)
  }

  /** Sends commands to the key's host, and again to the next one if that has ended. */
  spread(key: string, commands: readonly StoreCommand[]): Promise<readonly StoreAnswer[]> {
    const { current } = this.#hosts
    const { dialect } = current.life
    const fitting = dialect === 'classic' ? commands.map(onClassicHost) : commands
    return this.#send(current, key, fitting, () => this.spread(key, commands))
  }

  /** Stores a value by a plain set, and then deletes it, as the verbs of the client do. */
  async setAndDelete(key: string, value: unknown, isUnlocking: boolean): Promise<void> {
    await this.spread(key, [{ name: 'set', encoded: this.encode(value), ttlSeconds: 60 }])
    const unlock: StoreCommand[] = isUnlocking ? [{ name: 'delete', beside: LOCK }] : []
    await this.spread(key, [...unlock, { name: 'delete' }])
  }

  readTag(name: string, reader: TagReader): TagHandle {
    this.#sendTag({ name: 'get', beside: name }, () => {
      const answer = this.#hosts.current.readTag(name)
      const text = String(answer.bytes())
      if (this.isAlive && answer.found) reader.found(text, answer.flags)
      else if (this.isAlive) reader.absent()
      return `tag ${answer.found} ${text} ${answer.flags}`
    })
    return { sent: true }
  }

  changeTag(name: string, change: TagChange): Promise<void> {
    return this.changeTagBy(name, change, () => this.draw())
  }

  /** Changes a tag. Without a reply, the command may be sent again, and either may arrive late. */
  changeTagBy(name: string, change: TagChange, draw: () => bigint): Promise<void> {
    return new Promise((resolve) => {
      const again: Step = {
        name: 'repeat',
        run: () => {
          this.repeats--
          this.#repeatable.delete(again)
          attempt()
        },
      }
      const attempt = (): void =>
        this.#sendTag({ name: change, beside: name }, () => {
          this.#hosts.current.changeTag(name, change, draw())
          this.#repeatable.delete(again)
          if (this.isAlive) resolve()
          return 'changed'
        })
      attempt()
      if (change !== 'create') this.#repeatable.add(again)
    })
  }

  /** Returns a unique number. It is the same in all orders, so that equal states are recognized. */
  draw(): bigint {
    const digest = createHash('sha1')
      .update(`${this.name} ${this.#draws++}`)
      .digest()
    return digest.readBigUInt64LE()
  }

  encode(value: unknown) {
    return { body: JSON.stringify(value), flags: 1 }
  }

  decode({ body }: EncodedItem): unknown {
    return JSON.parse(String(body))
  }

  fits(): boolean {
    return true
  }

  #send(
    server: ModelServer,
    key: string,
    commands: readonly StoreCommand[],
    again: () => Promise<readonly StoreAnswer[]> = () => Promise.reject(cut()),
  ): Promise<readonly StoreAnswer[]> {
    // Dead clients send nothing, and get no replies.
    if (!this.isAlive) return new Promise(() => {})
    const { life } = server
    const isFit = life.dialect === 'meta' || commands.every(({ name }) => !/^m[gsd]$/.test(name))
    assert.ok(isFit, 'a meta command for a host that has none')
    return new Promise((resolve, reject) => {
      const answers: StoreAnswer[] = []
      const execute = (command: StoreCommand | TagCommand): string => {
        const answer = server.execute(key, command as StoreCommand)
        answers.push(answer)
        if (answers.length === commands.length && this.isAlive) resolve(answers)
        const { status, size, cas, won, lost, stale, ttlSeconds } = answer
        const body = String(answer.bytes())
        const told = [status, size, cas, won, lost, stale, ttlSeconds, body]
        return JSON.stringify([this.#hosts.nameOf(life), nameOf(command), ...told])
      }
      this.#connections.add({
        isAboutTag: false,
        waiting: [...commands],
        told: [],
        host: this.#hosts.nameOf(life),
        isCut: () => server.life !== life,
        end: () => again().then(resolve, reject),
        execute,
      })
    })
  }

  #sendTag(command: TagCommand, execute: () => string): void {
    if (!this.isAlive) return
    this.#connections.add({
      ...{ isAboutTag: true, waiting: [command], told: [], host: 'home', execute },
      isCut: () => false,
      end: () => {},
    })
  }

  #step(connection: Connection): void {
    const { waiting, told } = connection
    if (connection.isCut()) {
      this.history.push('cut')
      this.#connections.delete(connection)
      if (this.isAlive) connection.end()
      return
    }
    told.push(connection.execute(waiting.shift()!))
    if (waiting.length > 0) return
    this.history.push(...told)
    this.#connections.delete(connection)
  }
}

function onClassicHost(command: StoreCommand): StoreCommand {
  return forClassicHost(command) ?? assert.fail(`${command.name} for a host without meta commands`)
}

function isRead({ isAboutTag, waiting }: Connection): boolean {
  return waiting.every(({ name }) => name === (isAboutTag ? 'get' : 'gets'))
}

function itemOf({ isAboutTag, waiting }: Connection): string {
  return isAboutTag ? 'tag' : (waiting[0]!.beside ?? 'value')
}

function nameOf({ name, beside = '' }: StoreCommand | TagCommand): string {
  return `${name} ${beside}`
}
