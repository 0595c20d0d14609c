import type { PlacedItem } from '../../src/hosts/item-commands.ts'
import { markIn } from '../../src/hosts/mark.ts'
import type { Request } from '../../src/net/request.ts'

interface Item {
  readonly body: Buffer
  readonly cas: number
  readonly endsAtMs: number
}

/** The items of all hosts of a model: the key of each begins with the name of its host. */
export class BackItems {
  readonly #items = new Map<string, Item>()
  readonly #casIds = new Map<string, number>()

  store(key: string, body: Buffer, endsAtMs: number): void {
    const cas = (this.#casIds.get(key) ?? 0) + 1
    this.#casIds.set(key, cas)
    this.#items.set(key, { body, cas, endsAtMs })
  }

  /** Executes a command. `isUnguarded`: whatever the CAS id of the item is. */
  execute(key: string, request: Request, nowMs: number, isUnguarded: boolean): unknown {
    const { verb, body, args } = request
    const { seconds = 0, cas } = (args ?? {}) as Partial<Record<'seconds' | 'cas', number>>
    const item = this.#at(key, nowMs)
    if (verb.effect === 'read') return item && { ...item, cas: String(item.cas) }
    if (cas !== undefined && String(cas) !== String(item?.cas) && !isUnguarded) return false
    if (verb.name === 'add' && item !== undefined) return false
    if (verb.effect === 'remove' || body?.length === 0) return this.#items.delete(key)
    this.store(key, body as Buffer, nowMs + seconds * 1_000)
    return true
  }

  /** All items, with the first of these moments at which each has expired. */
  state(nowMs: number, moments: readonly number[]): unknown {
    return [...this.#items.keys()].sort().map((key) => {
      const item = this.#at(key, nowMs)
      return item && [key, shown(item), moments.findIndex((ms) => ms >= item.endsAtMs)]
    })
  }

  #at(key: string, nowMs: number): Item | undefined {
    const item = this.#items.get(key)
    return item === undefined || item.endsAtMs <= nowMs ? undefined : item
  }
}

/** The text of a reply without the random id of a mark. */
export function shown(result: unknown): string {
  if (typeof result !== 'object' || result === null) return String(result)
  const { body, cas } = result as PlacedItem
  const mark = markIn({ body, ttlSeconds: undefined })
  if (mark === undefined) return `${body} ${cas}`
  return `${mark.next === undefined ? 'arrival' : 'departure'} ${mark.startedAtMs} ${cas}`
}
