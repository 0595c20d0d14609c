import type { Item, Reader, ReadHandle, RefillStore, StoreAnswer, StoreCommand } from '../store.ts'
import type { Tail } from './tail.ts'

/**
 * The tags of a page that other programs read as plain bytes: they are in an item beside the page.
 * That item contains the CAS id of its page, because the two are stored one after the other. Tags
 * with another CAS id, or from another life of the server, are ignored.
 *
 * An empty item means that the page is being replaced and its tags follow: the page is stale, but
 * other clients need not refill it. If the writer dies, the item stays empty for as long as a
 * lease.
 */
const TAGS = 'tags'

/** Reads the item in which the tags of a page are stored, beside the page. */
export const READ_TAGS: StoreCommand = { name: 'mg', beside: TAGS, value: true }

/** Returns the command that announces tags; it is sent before the page. */
export function tagsToCome(ttlSeconds: number): StoreCommand {
  return { name: 'ms', beside: TAGS, encoded: { body: '', flags: 0 }, ttlSeconds }
}

/** Returns the command that stores the tags of the page with this CAS id. */
export function tagsOfPage(cas: string, tail: Tail, ttlSeconds: number): StoreCommand {
  const body = `${cas} ${tail.digest} ${tail.hard} ${tail.text}`
  return { name: 'ms', beside: TAGS, encoded: { body, flags: 0 }, ttlSeconds }
}

/**
 * Reads a page, and then its tags. A writer replaces the tags before the page, so a new page is
 * never read with old tags.
 */
export function readPage(
  store: RefillStore,
  key: string,
  refreshBelowSeconds: number,
  reader: Reader,
): ReadHandle {
  let tags: Promise<StoreAnswer | undefined>
  const handle = store.read(key, 0, refreshBelowSeconds, {
    answered(item) {
      if (!item.found) return reader.answered(item)
      const page = item.keep()
      return tags.then((answer) => reader.answered(pageWithTags(page, answer)))
    },
    failed: (error) => reader.failed(error),
  })
  tags = readTags(store, key)
  return handle
}

async function readTags(store: RefillStore, key: string): Promise<StoreAnswer | undefined> {
  await store.ready?.(key)
  const place = store.place(key)
  if (place === undefined) return undefined
  const answers = store.exchange(place, key, [READ_TAGS])
  // A page whose tags cannot be read counts as one without tags.
  return answers.then(([tags]) => tags, nothing)
}

function nothing(): undefined {
  return undefined
}

/** Returns the page with the tags beside it, if they belong to it. */
export function pageWithTags(page: Item, beside: StoreAnswer | undefined): Item {
  const isBeside = beside?.found === true && beside.place() === page.place()
  const text = isBeside ? Buffer.from(beside.bytes()).toString('latin1') : ' '
  const tail = tailOf(text, page.cas)
  const { found, flags, size, ttlSeconds, won, lost, stale, cas } = page
  const item: Item = {
    ...{ found, flags, size, ttlSeconds, won, lost, stale, cas, tail },
    awaitsTags: text === '',
    hasDigest: (digest) => tail?.digest === digest,
    place: () => page.place(),
    decode: () => page.decode(),
    bytes: () => page.bytes(),
    keep: () => item,
  }
  return item
}

function tailOf(text: string, cas: string): Tail | undefined {
  const [named, digest, hard] = text.split(' ', 3)
  if (named !== cas || digest === undefined || hard === undefined) return undefined
  return { digest, hard, text: text.slice(named.length + digest.length + hard.length + 3) }
}
