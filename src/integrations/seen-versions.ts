import type { MemcachedClient } from '../client/client.ts'
import { isMintringError } from '../errors.ts'

/** What a value that its host loaded carries of its tags: their versions, in the tags' order. */
export interface SeenTags {
  readonly versions: readonly string[]
  /** They were read before the value was loaded. */
  readonly isProven: boolean
}

/** A version of a tag, and the moment since which this process knows it. */
interface Known {
  readonly version: string
  readonly since: number
}

const MAX_KNOWN = 10_000

/** The versions of tags for hosts that load and store by themselves, and tell tags at the end. */
export class SeenVersions {
  private readonly client: MemcachedClient
  private readonly known = new Map<string, Known>()
  private moments = 0

  constructor(client: MemcachedClient) {
    this.client = client
  }

  /** Now, for since(): what is loaded after that is newer than the versions known by then. */
  get moment(): number {
    return this.moments
  }

  /** The versions of now, in the order of the tags; undefined when one of them cannot be read. */
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

  /** The versions for a value that was loaded since a moment; undefined when there are none. */
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

/** What cannot be read is unknown. What cannot be a tag is its caller's mistake. */
function ignoreOutage(error: unknown): undefined {
  if (!isMintringError(error) || error.code === 'MINTRING_BAD_POLICY') throw error
}
