import type { RefillStore, StoreAnswer, StoreCommand } from '../../src/refill/store.ts'
import { digestOfVersions, type TagVersion } from '../../src/tags/look.ts'
import { readTail, withoutTail, withTail } from '../../src/tags/tail.ts'
import { wrapped } from './old-ways.ts'
import type { SteppedClient } from './steps.ts'

/**
 * A store with a deliberate mistake: with a value it saves the versions that the tags have after
 * the load, not before. It then misses an invalidation during the load.
 */
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

/**
 * A store with a deliberate mistake. In the layout `sidecar`, the tags of a page are a separate
 * item that names the version of the page. This store accepts the tags for any version.
 */
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

/**
 * A store with a deliberate mistake: when it resends an invalidation of a tag, it writes the same
 * version again, so a late attempt can undo a newer invalidation.
 */
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
