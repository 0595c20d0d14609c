import { NO_HARD } from './tail.ts'

/** Receives the reply to a read of a tag, while it is parsed. */
export interface TagReader {
  /** Called with the version in decimal, and the last hard invalidation; 0 for none. */
  found(version: string, hard: number): void
  absent(): void
  failed(error: unknown): void
}

/** A pending read of a tag. */
export interface TagHandle {
  /** Whether the bytes of the read may have been sent: later callers must not join it. */
  readonly sent: boolean
}

/** Tag names that are read together. */
export interface TagSet {
  /** The names of the tags, as tagText() writes them. */
  readonly text: string
  readonly names: readonly string[]
  /** The last read, which callers may join until its bytes were sent. */
  look: Look | undefined
  /** The last read that found all of these tags. Its digest is reused if no version changed. */
  found: Look | undefined
}

/** The read of one tag, for all callers of the same tick. */
export class TagSight implements TagReader {
  readonly name: string
  handle: TagHandle | undefined
  state: 'asked' | 'found' | 'absent' | 'failed' = 'asked'
  /** The version, in decimal. */
  version = ''
  /** The last hard invalidation; 0 for none. */
  hard = 0
  /** Why the tag could not be read. */
  error: unknown
  readonly #looks: Look[] = []
  readonly #onEnd: (sight: TagSight) => void

  constructor(name: string, onEnd: (sight: TagSight) => void) {
    this.name = name
    this.#onEnd = onEnd
  }

  get isSent(): boolean {
    return this.handle?.sent === true || this.state !== 'asked'
  }

  tell(look: Look): void {
    this.#looks.push(look)
  }

  /**
   * Handles the tag's item. Text that is not a number is no version: another program stored it, or
   * the tag is being copied.
   */
  found(text: string, hard: number): void {
    const digits = text.trimEnd()
    if (!/^\d{1,20}$/.test(digits)) {
      this.absent()
      return
    }
    this.version = digits
    this.hard = hard
    this.#end('found')
  }

  absent(): void {
    this.#end('absent')
  }

  failed(error: unknown): void {
    this.error = error
    this.#end('failed')
  }

  #end(state: 'found' | 'absent' | 'failed'): void {
    this.state = state
    this.#onEnd(this)
    for (const look of this.#looks) look.oneCame()
  }
}

/** The tags of one set, read in one tick. Completes while the last missing reply is parsed. */
export class Look {
  readonly set: TagSet
  readonly sights: readonly TagSight[]
  /** The digest of all versions; undefined until all are known. */
  digest: string | undefined
  /** The digest of all hard invalidations; NO_HARD if there are none, or they are unknown. */
  hard: string = NO_HARD
  #missing: number
  #after: (() => void)[] = []

  constructor(set: TagSet, sights: readonly TagSight[]) {
    this.set = set
    this.sights = sights
    this.#missing = 1
    for (const sight of sights) {
      if (sight.state !== 'asked') continue
      this.#missing++
      sight.tell(this)
    }
    this.oneCame()
  }

  get isDone(): boolean {
    return this.#missing === 0
  }

  /** Whether a read of one of its tags may have been sent. */
  get isSent(): boolean {
    for (const sight of this.sights) if (sight.isSent) return true
    return false
  }

  /** Whether a tag could not be read, so that freshness is unknown. */
  get isBlind(): boolean {
    return this.sights.some(({ state }) => state === 'failed')
  }

  get absent(): readonly string[] {
    return this.sights.filter(({ state }) => state === 'absent').map(({ name }) => name)
  }

  versionOf(name: string): TagSight | undefined {
    const sight = this.sights.find((one) => one.name === name)
    return sight?.state === 'found' ? sight : undefined
  }

  /** Calls back when all replies have arrived, possibly at once. */
  whenDone(task: () => void): void {
    if (this.isDone) task()
    else this.#after.push(task)
  }

  done(): Promise<this> {
    return new Promise((resolve) => this.whenDone(() => resolve(this)))
  }

  oneCame(): void {
    if (--this.#missing > 0) return
    if (this.sights.every(({ state }) => state === 'found')) this.#fold()
    const after = this.#after
    this.#after = []
    for (const task of after) task()
  }

  #fold(): void {
    const { set, sights } = this
    const known = set.found
    const isKnown = known?.sights.every(({ version, hard }, i) => {
      return version === sights[i]!.version && hard === sights[i]!.hard
    })
    const { digest, hard } = isKnown ? known! : digestOfVersions(sights)
    this.digest = digest
    this.hard = hard
    set.found = this
  }
}

/** The version of a tag. */
export interface TagVersion {
  /** The version, in decimal. */
  readonly version: string
  readonly hard: number
}

/**
 * Returns the XOR of all versions. Versions are random and independent, so the XOR distinguishes
 * two sets as well as a single version would.
 */
export function digestOfVersions(versions: readonly TagVersion[]): {
  readonly digest: string
  readonly hard: string
} {
  let all = 0n
  let hards = 0
  for (const { version, hard } of versions) {
    all ^= BigInt(version)
    hards ^= hard
  }
  const digest = all.toString(16).padStart(16, '0')
  return { digest, hard: hards === 0 ? NO_HARD : (hards >>> 0).toString(16).padStart(8, '0') }
}
