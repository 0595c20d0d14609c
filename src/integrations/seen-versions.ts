import type { MemcachedClient } from '../client/client.ts'
import { isMintringError } from '../errors.ts'

/** The tag versions stored with a value, in the order of its tags. */
export interface SeenTags {
  readonly versions: readonly string[]
  /** Whether the versions were read before the value was loaded. */
  readonly isProven: boolean
}

/** A version of a tag, and the moment at which this process first read it. */
interface Known {
  readonly version: string
  readonly since: number
}

const MAX_KNOWN = 10_000

/**
 * Tracks tag versions for libraries that load and store values themselves, and name the tags only
 * when they store.
 */
export class SeenVersions {
  private readonly client: MemcachedClient
  private readonly known = new Map<string, Known>()
  private moments = 0

  constructor(client: MemcachedClient) {
    this.client = client
  }

  /**
   * Returns the current moment, a counter. Pass it to since() after a load that starts now: the
   * loaded value is newer than all tag versions read before this moment.
   */
  get moment(): number {
    return this.moments
  }

  /** Returns the current versions, in the order of the tags; undefined when one cannot be read. */
  async now(tags: readonly string[]): Promise<readonly string[] | undefined> {
    const read = tags.map((tag) => this.client.tagVersions(tag))
    const versions = await Promise.all(read).catch(ignoreOutage)
    if (this.known.size > MAX_KNOWN) this.known.clear()
    const since = ++this.moments
    versions?.forEach((version, i) => {
      const tag = tags[i]!
      if (this.known.get(tag)?.version !== version) this.known.set(tag, { version, since })
    })
    return versions
  }

  /**
   * Returns the tag versions to store with a value whose load started at `moment`; undefined if the
   * version of a tag cannot be read.
   */
  async since(tags: readonly string[], moment: number | undefined): Promise<SeenTags | undefined> {
    const before = tags.map((tag) => this.known.get(tag))
    const versions = await this.now(tags)
    const isProven = versions?.every((version, i) => {
      const known = before[i]
      return moment !== undefined && known?.version === version && known.since <= moment
    })
    return versions === undefined ? undefined : { versions, isProven: isProven === true }
  }
}

/** Turns failed reads into undefined; rethrows invalid tags, which are the caller's mistake. */
function ignoreOutage(error: unknown): undefined {
  if (!isMintringError(error) || error.code === 'MINTRING_BAD_POLICY') throw error
}
