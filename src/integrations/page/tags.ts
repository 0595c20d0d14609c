import type { RefillPolicy } from '../../refill/policy.ts'
import type { Address } from './address.ts'
import type { Page } from './body.ts'
import type { HeaderLines } from './rules.ts'

/** The option `tags`: tags of all pages, or a function that returns them for an address. */
type Given = readonly string[] | ((address: string) => readonly string[]) | undefined

const TAG = /^[!-~]{1,256}$/
const MAX_TAGS = 128

/** Determines the tags of pages. */
export class PageTags {
  readonly #given: Given
  readonly #header: string | undefined

  /** `header` is the name of the response header that lists tags. */
  constructor(given: Given, header: string | undefined) {
    this.#given = given
    this.#header = header?.toLowerCase()
  }

  /** Whether pages can have tags. */
  get isOn(): boolean {
    return this.#given !== undefined || this.#header !== undefined
  }

  policyFor(policy: RefillPolicy, address: Address): RefillPolicy {
    if (!this.isOn) return policy
    const known = this.#known(address)
    if (this.#header === undefined) return { ...policy, tags: known }
    return { ...policy, tags: (page: unknown) => [...known, ...((page as Page).tags ?? [])] }
  }

  /** Returns the tags that a response lists; the name of the header if they are invalid. */
  listed(headers: HeaderLines): readonly string[] | string {
    const header = this.#header
    if (header === undefined) return []
    const lines = headers.filter(([name]) => name === header).map(([, value]) => value)
    const tags = new Set(lines.join(' ').split(/[\s,]+/))
    tags.delete('')
    return tags.size > MAX_TAGS || ![...tags].every((tag) => TAG.test(tag)) ? header : [...tags]
  }

  #known(address: Address): readonly string[] {
    const given = this.#given ?? []
    return typeof given === 'function' ? given(address) : given
  }
}
