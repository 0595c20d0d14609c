import type { MarkAsk } from '../../src/hosts/each.ts'
import type { Earlier } from '../../src/hosts/earlier.ts'
import type { FleetState } from '../../src/hosts/handover-mark.ts'
import type { Host } from '../../src/hosts/host.ts'
import { Leftovers } from '../../src/hosts/leftovers.ts'
import { carryOut } from '../../src/hosts/moved-key.ts'
import type { Request } from '../../src/net/request.ts'
import { type HomeName, planOf } from '../../src/ring/transition.ts'
import { type Choices, EVERYTHING } from '../simulate/choices.ts'

/** An item of the new host: `cas` is lower than that of the mark if it is older. */
interface Item {
  readonly value: string
  readonly cas: bigint
}

interface Step {
  readonly name: string
  run(): void
}

const MARK_CAS = 100n
const OLD: Item = { value: 'old', cas: 50n }
const ANY_USE = { reads: [], changes: [EVERYTHING] } as const
const KEY = { routeKey: 'k', wireKey: 'k', b: false } as const

/**
 * One key whose new host has an old item, during the announcement. Two processes that know of the
 * change clear the new host, and one of them reads the key. One that does not know of it deletes
 * the key on its previous host. Another program reads the old item, which the server therefore uses
 * for a while. The steps are single commands, in a chosen order.
 */
export class ClearingModel {
  readonly #choices: Choices
  readonly #isOmitting: boolean
  readonly #items = new Map<string, Item>([['k', OLD]])
  readonly #pending: Step[] = []
  readonly #replies: string[] = []
  #previous: string | undefined = 'current'
  #isInUse = false
  #dumps = 0
  #casIds = MARK_CAS
  #read: string | undefined = 'nothing yet'
  readonly trace: string[] = []

  /** `isOmitting`: whether a dump omits items in use, as a dump of the LRU lists does. */
  constructor(choices: Choices, isOmitting: boolean) {
    this.#choices = choices
    this.#isOmitting = isOmitting
  }

  /** Runs all steps. Rejects when the old item is read, or its host counts as cleared. */
  async run(): Promise<void> {
    void this.#leftovers('other').look([this.#host], false)
    void this.#readKey()
    void this.#send('delete previous', () => {
      this.#previous = undefined
    })
    void this.#useItem()
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      this.#check()
      if (this.#pending.length === 0) return
      const moves = this.#pending.map((step) => ({ ...ANY_USE, step, name: step.name }))
      const { step } = this.#choices.pick(moves, () => this.#state)
      this.trace.push(step.name)
      this.#pending.splice(this.#pending.indexOf(step), 1)
      step.run()
    }
  }

  #check(): void {
    if (this.#read === OLD.value) throw new Error('the old item is fresh for a read')
    const isCleared = [...this.#items.keys()].some((key) => key.includes('cleared'))
    if (isCleared && this.#items.get('k') === OLD) throw new Error('the old item is still there')
  }

  async #readKey(): Promise<void> {
    const leftovers = this.#leftovers('reader')
    const host = this.#host
    void leftovers.look([host], false)
    this.#read = await carryOut(planOf('announce', 'read', true), {
      run: async (at: HomeName) => {
        if (at === 'new' && !leftovers.isClear(host)) await leftovers.clear(host, KEY)
        return this.#send(`read ${at}`, () => {
          return at === 'new' ? this.#items.get('k')?.value : this.#previous
        })
      },
      isMiss: (value) => value === undefined,
      both: (_, second) => second,
      has: async () => false,
      delete: async () => {},
      copy: async () => {},
      copyLater: () => {},
    })
  }

  async #useItem(): Promise<void> {
    await this.#send('use the item', () => {
      this.#isInUse = this.#items.has('k')
    })
    await this.#send('stop using it', () => {
      this.#isInUse = false
    })
  }

  #leftovers(process: string): Leftovers {
    const state = {
      id: 'id',
      casOf: new Map([[this.#host, MARK_CAS]]),
      announceMs: 0,
      handoverMs: 0,
    }
    const ask = ((_, request) => {
      const { name } = request.verb
      const key = request.wireKey.split('~').at(-2) ?? 'k'
      return this.#send(`${process}: ${name} ${key}`, () => this.#execute(request as Request))
    }) as MarkAsk
    const earlier = { isArriving: () => true, isAll: () => false } as unknown as Earlier
    return new Leftovers(ask, state as unknown as FleetState, earlier, async () => {})
  }

  readonly #host = {
    name: 'new',
    usable: true,
    abilities: { version: '1.6.9', meta: true, proxy: false, cas: true },
    lines: () => this.#dump(),
  } as unknown as Host

  async *#dump(): AsyncGenerator<string> {
    const listed = await this.#send(`dump ${++this.#dumps}`, () => {
      const items = [...this.#items]
      return items.filter(([key]) => key !== 'k' || !this.#isInUse || !this.#isOmitting)
    })
    for (const [key, { cas }] of listed) yield `key=${key} exp=-1 la=1 cas=${cas} fetch=no`
  }

  #execute({ verb, wireKey, args }: Request): unknown {
    const item = this.#items.get(wireKey)
    if (verb.name === 'gets') return item && { cas: String(item.cas) }
    const isStore = verb.name === 'add'
    if (isStore && item === undefined) {
      this.#items.set(wireKey, { value: 'own', cas: ++this.#casIds })
    } else if (!isStore && item !== undefined) {
      const { cas } = args as { readonly cas?: string }
      if (cas === undefined || BigInt(cas) === item.cas) this.#items.delete(wireKey)
    }
    return isStore === (item === undefined)
  }

  #send<Result>(name: string, execute: () => Result): Promise<Result> {
    return new Promise((resolve) => {
      const run = (): void => {
        const result = execute()
        const told = typeof result === 'object' ? 'an item' : result
        this.#replies.push(`${name}: ${told}`)
        resolve(result)
      }
      this.#pending.push({ name, run })
    })
  }

  get #state(): string {
    const items = [...this.#items].map(([key, { cas }]) => [key, String(cas)]).sort()
    const pending = this.#pending.map(({ name }) => name).sort()
    const replies = [...this.#replies].sort()
    return JSON.stringify([items, pending, replies, this.#previous, this.#isInUse, this.#read])
  }
}
