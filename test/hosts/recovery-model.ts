import type { Host } from '../../src/hosts/host.ts'
import type { HomeKey } from '../../src/hosts/notices.ts'
import { Recovery, type RecoveryOwner } from '../../src/hosts/recovery.ts'
import type { Request } from '../../src/net/request.ts'
import { type Choices, EVERYTHING } from '../simulate/choices.ts'

/** How a process changes the key, and mistakes that the model must find. */
export interface Plan {
  /** Changes of two processes; `false`: that process cannot reach the fallback host. */
  readonly changes: readonly (readonly [how: 'set' | 'delete', reachesStandIn: boolean])[]
  readonly mistake?: 'change first' | 'unguarded' | 'record first' | 'left open' | undefined
}

interface Item {
  readonly value: string
  readonly cas: number
}

interface Step {
  readonly name: string
  /** Commands of one process to one host run in the order in which they were sent. */
  readonly lane: string
  run(): void
}

const OLD = 'old'
/** The fallback host's copies of this outage have higher CAS ids. */
const SINCE = 10
const OPEN = `${Number.MAX_SAFE_INTEGER} ${SINCE}`
const ANY_USE = { reads: [], changes: [EVERYTHING] } as const

function hostNamed(name: string): Host {
  return { name, epoch: 1, abilities: { meta: true } } as unknown as Host
}

/**
 * One key of a host that was restarted, with a copy on its fallback host. Two processes change the
 * key, one hands it home and reads it, and one reads it after the first change was acknowledged.
 * The steps are single commands, in a chosen order.
 */
export class RecoveryModel {
  readonly #choices: Choices
  readonly #plan: Plan
  readonly #home = hostNamed('home')
  readonly #standIn = hostNamed('stand-in')
  readonly #key: HomeKey
  #item: Item | undefined
  #copy: Item | undefined = { value: OLD, cas: SINCE + 1 }
  #record = OPEN
  #casIds = 0
  readonly #pending: Step[] = []
  readonly #replies: string[] = []
  #isChanged = false
  #failure: string | undefined
  readonly trace: string[] = []

  constructor(choices: Choices, plan: Plan) {
    this.#choices = choices
    this.#plan = plan
    this.#key = { home: this.#home, routeKey: 'k', wireKey: 'k', isBase64: false }
  }

  /** Runs all steps. Rejects when a read returns the old value after a change. */
  async run(): Promise<void> {
    void this.#read('reader')
    for (const [index, [how, isReached]] of this.#plan.changes.entries()) {
      void this.#change(`writer ${index}`, how, isReached).then(() => {
        if (this.#isChanged) return
        this.#isChanged = true
        void this.#read('late reader')
      })
    }
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#failure !== undefined) throw new Error(this.#failure)
      if (this.#pending.length === 0) break
      const heads = this.#pending.filter((step) => {
        return this.#pending.find(({ lane }) => lane === step.lane) === step
      })
      const moves = heads.map((step) => ({ ...ANY_USE, step, name: step.name }))
      const { step } = this.#choices.pick(moves, () => this.#state)
      this.trace.push(step.name)
      this.#pending.splice(this.#pending.indexOf(step), 1)
      step.run()
    }
    if (this.#item?.value === OLD) throw new Error('the old value is at home in the end')
  }

  async #read(process: string): Promise<void> {
    const wasChanged = this.#isChanged
    await this.#recovery(process, true).before(this.#key, false, false)
    const value = await this.#send(process, 'home', 'read', () => this.#item?.value)
    if (wasChanged && value === OLD) this.#failure = 'the old value is fresh for a read'
  }

  async #change(process: string, how: 'set' | 'delete', isReached: boolean): Promise<void> {
    const change = (): Promise<void> =>
      this.#send(process, 'home', how, () => {
        this.#item = how === 'set' ? { value: 'new', cas: ++this.#casIds } : undefined
      })
    if (this.#plan.mistake === 'change first') await change()
    await this.#recovery(process, isReached).before(this.#key, true, how === 'set')
    if (this.#plan.mistake !== 'change first') await change()
  }

  #recovery(process: string, reachesStandIn: boolean): Recovery {
    const ask = (host: Host, request: Request): Promise<unknown> => {
      const isHome = host === this.#home
      if (!isHome && !reachesStandIn) return Promise.reject(new Error('no reply'))
      const name = `${request.verb.name} ${request.wireKey.split('~').at(-2) ?? 'k'}`
      return this.#send(process, host.name, name, () => this.#execute(isHome, request))
    }
    // A process that waits for another one goes on after a while.
    const pause = (): Promise<void> => Promise.reject(new Error('enough'))
    const owner = { handHomeMs: 1, ask, pause, decided: () => {} } as unknown as RecoveryOwner
    return new Recovery(this.#home, this.#standIn, owner, 10)
  }

  #execute(isHome: boolean, { verb, wireKey, args, body }: Request): unknown {
    const { cas = '', item } = (args ?? {}) as { cas?: string; item?: { body: Buffer } }
    if (wireKey !== 'k') {
      if (verb.name === 'gets') return { text: this.#record, cas: 1n }
      if (this.#plan.mistake !== 'left open') this.#record = String(body)
      return true
    }
    if (verb.name === 'tell') this.#copy = undefined
    else if (verb.name === 'mg' && !isHome) return this.#copy && placed(this.#copy)
    else if (verb.name === 'mg') return this.#elect()
    else if (String(this.#item?.cas) !== cas && this.#plan.mistake !== 'unguarded') return false
    else if (verb.name === 'md') this.#item = undefined
    else this.#item = { value: String(item!.body), cas: ++this.#casIds }
    return true
  }

  #elect(): unknown {
    if (this.#item !== undefined) return this.#item.value === '' ? 'held' : 'there'
    this.#item = { value: '', cas: ++this.#casIds }
    return { cas: String(this.#item.cas) }
  }

  #send<Result>(
    process: string,
    host: string,
    what: string,
    execute: () => Result,
  ): Promise<Result> {
    return new Promise((resolve) => {
      const name = `${process}: ${what} at ${host}`
      const run = (): void => {
        const result = execute()
        this.#replies.push(
          `${name}: ${typeof result === 'object' ? JSON.stringify(String(result)) : result}`,
        )
        resolve(result)
      }
      const step = { name, lane: `${process} ${host}`, run }
      const isRecord = what.startsWith('gets')
      const isSwapped = this.#plan.mistake === 'record first' && isRecord
      if (isSwapped) this.#pending.unshift(step)
      else this.#pending.push(step)
    })
  }

  get #state(): string {
    const pending = this.#pending.map(({ name }) => name).sort()
    const replies = [...this.#replies].sort()
    const items = [this.#item, this.#copy, this.#record, this.#isChanged]
    return JSON.stringify([items, pending, replies])
  }
}

function placed({ value, cas }: Item): unknown {
  return { body: Buffer.from(value), flags: 0, ttlSeconds: -1, cas: String(cas), isStale: false }
}
