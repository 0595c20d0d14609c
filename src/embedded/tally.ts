import { LARGEST_CLASS } from './slab-classes.ts'

/**
 * The counters that memcached keeps per size class. `stats` adds them up, `stats slabs` lists them.
 */
export class ClassTally {
  getHits = 0
  setCommands = 0
  deleteHits = 0
  incrHits = 0
  decrHits = 0
  casHits = 0
  casBadValues = 0
  touchHits = 0
  evicted = 0
  evictedNonzero = 0
  evictedUnfetched = 0
  evictedActive = 0
  evictedTime = 0
  expiredUnfetched = 0
  reclaimed = 0
  crawlerReclaimed = 0
  crawlerItemsChecked = 0
  outOfMemory = 0
}

/** All counters of a server. `stats reset` replaces this by a new one. */
export class ServerTally {
  getCommands = 0
  getMisses = 0
  getExpired = 0
  getFlushed = 0
  touchCommands = 0
  touchMisses = 0
  flushCommands = 0
  metaCommands = 0
  deleteMisses = 0
  incrMisses = 0
  decrMisses = 0
  casMisses = 0
  storeTooLarge = 0
  storeNoMemory = 0
  authCommands = 0
  authErrors = 0
  totalItems = 0
  totalConnections = 0
  rejectedConnections = 0
  bytesRead = 0
  bytesWritten = 0
  crawlerStarts = 0
  watcherLines = 0
  watcherSkipped = 0
  tlsErrors = 0
  readonly classes: readonly ClassTally[] = Array.from(
    { length: LARGEST_CLASS + 1 },
    () => new ClassTally(),
  )

  /** Adds up one counter over all classes. */
  sum(counter: keyof ClassTally): number {
    let total = 0
    for (const one of this.classes) total += one[counter]
    return total
  }
}
