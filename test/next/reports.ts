import assert from 'node:assert/strict'
import type { Instance } from './instance.ts'

const CHANGED_MS = 10_000

/** Reads the reports of an app, each the only `<p>` of the page at `pathOf(id)`. */
export class Reports {
  readonly #pathOf: (id: number) => string

  constructor(pathOf: (id: number) => string) {
    this.#pathOf = pathOf
  }

  /** The text that a visitor gets. */
  async of({ url }: Instance, id: number): Promise<string> {
    const response = await fetch(`${url}${this.#pathOf(id)}`)
    const page = await response.text()
    assert.equal(response.status, 200, page)
    const [, shown] = /<p>([^<]*)<\/p>/.exec(page) ?? []
    assert.ok(shown !== undefined, page)
    return shown
  }

  /** Waits until two visits get the same: Next.js may still be writing when it has responded. */
  async settled(instance: Instance, id: number): Promise<string> {
    let before = ''
    return this.#until(instance, id, 'is never stored', async (now) => {
      const isSame = now === before
      before = now
      return isSame
    })
  }

  /** Waits until visitors get what `shown` is. */
  same(instance: Instance, id: number, shown: string): Promise<string> {
    return this.#until(instance, id, 'was never shared', async (now) => now === shown)
  }

  /** Waits until visitors get something other than `shown`. */
  changed(instance: Instance, id: number, shown: string): Promise<string> {
    return this.#until(instance, id, 'never changed', async (now) => now !== shown)
  }

  /** Waits until two instances show the same: each may render once more after a host has died. */
  agreed(first: Instance, second: Instance, id: number): Promise<string> {
    const isSame = async (now: string) => now === (await this.of(second, id))
    return this.#until(first, id, 'is not shared', isSame)
  }

  async #until(
    instance: Instance,
    id: number,
    failure: string,
    isReached: (now: string) => Promise<boolean>,
  ): Promise<string> {
    const endMs = performance.now() + CHANGED_MS
    for (;;) {
      const now = await this.of(instance, id)
      if (await isReached(now)) return now
      assert.ok(performance.now() < endMs, `${id} ${failure}: ${instance.said().slice(-2000)}`)
    }
  }
}

/** Lets an instance revalidate: `tag=…` or `path=…`. */
export async function revalidate({ url }: Instance, query: string): Promise<void> {
  const response = await fetch(`${url}/revalidate?${query}`, { method: 'POST' })
  assert.equal(await response.text(), 'done')
}
