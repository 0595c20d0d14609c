import type { RefillStore, StoreAnswer, StoreCommand } from '../../src/refill/store.ts'
import { digestOfVersions, type TagVersion } from '../../src/refill/tags/look.ts'
import { readTail, withoutTail, withTail } from '../../src/refill/tags/tail.ts'
import { wrapped } from './old-ways.ts'
import type { SteppedClient } from './steps.ts'

/** A store that gives values the versions that their tags have after the load. */
export function readingTagsLate(inner: RefillStore): RefillStore {
  return wrapped(inner, async (place, key, commands) => {
    return inner.exchange(place, key, await Promise.all(commands.map((one) => late(inner, one))))
  })
}

async function late(store: RefillStore, command: StoreCommand): Promise<StoreCommand> {
  if (command.name !== 'ms') return command
  const { body, flags } = command.encoded
  const bytes = Buffer.from(body as string)
  const tail = readTail(bytes)
  if (tail === undefined) return command
  const names = JSON.parse(tail.text) as string[]
  const versions = await Promise.all(names.map((name) => versionOf(store, name)))
  const digests = digestOfVersions(versions)
  const value = String(withoutTail(bytes))
  return { ...command, encoded: { body: withTail(value, { ...tail, ...digests }), flags } }
}

function versionOf(store: RefillStore, name: string): Promise<TagVersion> {
  return new Promise((resolve, reject) => {
    store.readTag(name, {
      found: (version, hard) => resolve({ version, hard }),
      absent: () => resolve({ version: '0', hard: 0 }),
      failed: reject,
    })
  })
}

/** A store under which tags beside a page count for any page that was read with them. */
export function trustingTagsBeside(inner: RefillStore): RefillStore {
  let lastCas = ''
  const renamed = (answer: StoreAnswer): StoreAnswer => ({
    ...answer,
    bytes: () => Buffer.from(String(answer.bytes()).replace(/^\d+/, lastCas)),
  })
  return {
    ...wrapped(inner, async (place, key, commands) => {
      const answers = await inner.exchange(place, key, commands)
      return answers.map((answer, i) => {
        const { name, beside } = commands[i]!
        if (name === 'mg' && beside === undefined) lastCas = answer.cas
        return name === 'mg' && beside === 'tags' ? renamed(answer) : answer
      })
    }),
    read: (key, vivify, below, reader) =>
      inner.read(key, vivify, below, {
        answered(item) {
          lastCas = item.cas
          return reader.answered(item)
        },
        failed: (error) => reader.failed(error),
      }),
  }
}

/** A store that writes the same version in every attempt of one invalidation. */
export function repeatingVersions(inner: RefillStore): RefillStore {
  const client = inner as SteppedClient
  return {
    ...wrapped(inner, (place, key, commands) => inner.exchange(place, key, commands)),
    changeTag(name, change) {
      if (change === 'create') return inner.changeTag(name, change)
      const version = client.draw()
      return client.changeTagBy(name, 'hard', () => version)
    },
  }
}
