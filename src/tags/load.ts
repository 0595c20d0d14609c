import { MintringError } from '../errors.ts'
import type { TagDesk } from './desk.ts'
import { digestOfVersions, type Look, type TagVersion } from './look.ts'
import { checkTags, NO_TAGS, type TagsOf, tagText } from './names.ts'
import { NO_DIGEST, NO_HARD, type Tail } from './tail.ts'

/** What a policy says about tags. */
export interface TagPolicy {
  /** The tags of every value, in the form of tagText(); undefined for no tags. */
  readonly tagText: string | undefined
  /** Whether the tags are stored in an item beside the value. */
  readonly isSidecar: boolean
}

/** The tags that a read found: those stored with the value, and their current versions. */
export interface TagsFound {
  readonly tail: Tail | undefined
  readonly look?: Look | undefined
}

/** Tags that the loader declared. They count only if the loader awaited them. */
interface Declared {
  readonly names: readonly string[]
  look: Look | undefined
  isAwaited: boolean
}

/** The tags of one load: reads them before the load, and returns what to store with its value. */
export class LoadTags {
  /** The tags stored, or to be stored, with the value; undefined for a value without tags. */
  tail: Tail | undefined
  /** The tags read when the load started; callers with the same read need no other. */
  readonly first: Look | undefined
  readonly #desk: TagDesk
  readonly #policy: TagPolicy
  readonly #tagsOf: TagsOf | undefined
  readonly #text: string
  readonly #declared: Declared[] = []
  #look: Look | undefined
  #moment: number

  constructor(
    desk: TagDesk,
    policy: TagPolicy,
    tagsOf: TagsOf | undefined,
    { look, tail }: TagsFound,
  ) {
    this.#desk = desk
    this.#policy = policy
    this.#tagsOf = tagsOf
    this.first = look
    this.#look = look
    this.#moment = desk.now
    // Include the tags of the value that is replaced: usually the new value has the same.
    this.#text = desk.union(policy.tagText ?? NO_TAGS, tail?.text ?? NO_TAGS)
  }

  /** Whether begin() must read tags first: some were not read yet, or do not exist. */
  get isToBegin(): boolean {
    const look = this.#look
    if (this.#text === NO_TAGS) return false
    return look?.set.text !== this.#text || look.absent.length > 0
  }

  /** Resolves when the loader may start. */
  async begin(): Promise<void> {
    this.#look = await this.#desk.lookOrCreate(this.#desk.setOf(this.#text))
    this.#moment = this.#desk.now
  }

  /**
   * Reads more tags, before the loader reads the data they stand for. Throws MINTRING_BAD_POLICY.
   */
  declare(names: readonly string[]): PromiseLike<void> {
    if (this.#policy.isSidecar && this.#policy.tagText === undefined) throw untold()
    const set = this.#desk.setOf(tagText(names))
    const declared: Declared = { names: set.names, look: undefined, isAwaited: false }
    this.#declared.push(declared)
    const done = this.#desk.lookOrCreate(set).then((look) => {
      declared.look = look
    })
    const after: Promise<void>['then'] = (resolve, reject) => {
      declared.isAwaited = true
      return done.then(resolve, reject)
    }
    // biome-ignore lint/suspicious/noThenProperty: tells whether the loader waits for it
    return { then: after }
  }

  /** Returns the tags to store with the value. Throws MINTRING_BAD_POLICY for invalid tags. */
  finish(value: unknown): Tail | undefined {
    const { tagText: given } = this.#policy
    const made = this.#madeOf(value)
    if (given === undefined && this.#declared.length === 0) return undefined
    const known = this.#desk.setOf(given ?? NO_TAGS).names
    const declared = this.#declared.flatMap(({ names }) => names)
    const text = tagText([...known, ...declared, ...(made ?? [])])
    const versions = this.#desk.setOf(text).names.map((name) => this.#versionOf(name))
    const all = versions.filter((version) => version !== undefined)
    const isProven = all.length === versions.length
    const digests = isProven ? digestOfVersions(all) : { digest: NO_DIGEST, hard: NO_HARD }
    this.tail = { text, ...digests }
    return this.tail
  }

  /** Returns the tags from the policy's function. */
  #madeOf(value: unknown): readonly string[] | undefined {
    if (value === null || this.#tagsOf === undefined) return undefined
    const made = called(this.#tagsOf, value)
    checkTags(made)
    return made
  }

  /** Returns a version that was read before the loader read the data the tag stands for. */
  #versionOf(name: string): TagVersion | undefined {
    const atFirst = this.#look?.versionOf(name)
    if (atFirst !== undefined) return atFirst
    for (const { look, isAwaited } of this.#declared) {
      const version = isAwaited ? look?.versionOf(name) : undefined
      if (version !== undefined) return version
    }
    return this.#desk.knownAt(name, this.#moment)
  }
}

function called(tagsOf: TagsOf, value: unknown): unknown {
  try {
    return tagsOf(value)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new MintringError('MINTRING_LOADER', `The function \`tags\` failed: ${why}`, {
      cause: error,
    })
  }
}

function untold(): MintringError {
  const what = "keys with placeholder: 'sidecar' have tags only if their policy has `tags`"
  return new MintringError('MINTRING_BAD_POLICY', `tag() cannot be called: ${what}`)
}
