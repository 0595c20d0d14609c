import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RefillContext } from '../../src/refill/context.ts'
import type { Finding } from '../../src/refill/finding.ts'
import type { Terms } from '../../src/refill/loader.ts'
import { elsewhere } from '../../src/refill/moving.ts'
import { Stamp } from '../../src/refill/paths/stamp.ts'
import type { Item } from '../../src/refill/store.ts'

/** The steps of a copy that needs a lock: it looks, takes the lock, looks again, and stores. */
const STEPS = 4

/**
 * Copies a value from the previous to the new host under a lock, while a writer changes the value
 * on the previous host before one step, and on the new host before a later one.
 */
async function copyDuring(previousStep: number, newStep: number): Promise<string | undefined> {
  let atPrevious: string | undefined = 'old'
  let atNew: string | undefined
  let lock: string | undefined
  let steps = 0
  const write = (): void => {
    if (steps === previousStep) atPrevious = undefined
    if (steps === newStep) {
      atNew = undefined
      lock = undefined
    }
    steps++
  }
  const item = (text: string): Item => {
    const known = { flags: Stamp.Refill, bytes: () => text, place: () => ({}), tail: undefined }
    return known as unknown as Item
  }
  const path = {
    judge: (found: Item): Finding => {
      const value = String(found.bytes())
      return { verdict: 'fresh', value, freshForSeconds: 60 } as Finding
    },
    async elect() {
      write()
      lock = 'lock'
      return { finding: { election: 'won', lease: { cas: lock, place: {} } } }
    },
    async store(
      _key: string,
      _policy: unknown,
      _lease: unknown,
      { encoded }: { encoded: { body: string } },
    ) {
      write()
      if (lock === undefined) return false
      atNew = encoded.body
      return true
    },
    async release() {
      lock = undefined
    },
  }
  let behind: Promise<unknown> = Promise.resolve()
  const context = {
    clock: { after: () => ({ cancel: () => {} }) },
    pathOf: () => path,
    inBackground: (work: Promise<unknown>) => {
      behind = work
    },
    store: {
      async elsewhere() {
        write()
        return atPrevious && { item: item(atPrevious), beside: [], mayKeep: true }
      },
    },
  } as unknown as RefillContext
  const terms = { key: 'key', policy: { isSidecar: true }, decoding: 0 } as unknown as Terms
  const missed = { verdict: 'absent', election: 'open', lease: { place: {} } } as unknown as Finding
  await elsewhere(terms, missed, context, (finding) => finding)
  await behind
  while (steps <= newStep) write()
  return atNew
}

for (let previousStep = 0; previousStep <= STEPS; previousStep++) {
  for (let newStep = previousStep; newStep <= STEPS; newStep++) {
    test(`a copy under a lock stores no value that was changed on the previous host before its step ${previousStep}, and on the new host before its step ${newStep}`, async () => {
      assert.equal(await copyDuring(previousStep, newStep), undefined)
    })
  }
}

test('a copy under a lock stores a value that no command changes meanwhile', async () => {
  assert.equal(await copyDuring(-1, -1), 'old')
})
