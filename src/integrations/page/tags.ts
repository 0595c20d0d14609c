import type { RefillPolicy } from '../../refill/policy.ts'
import type { Address } from './address.ts'
import type { Page } from './body.ts'
import type { HeaderLines } from './rules.ts'

/** The same for all pages, or made of the address. */
type Given = readonly string[] | ((address: string) => readonly string[]) | undefined

const TAG = /^[!-~]{1,256}$/
const MAX_TAGS = 128

/** Where the tags of pages come from. */
export class PageTags {
  readonly #given: Given
  readonly #header: string | undefined

  /** `header` names the response header that lists tags. */
  constructor(given: Given, header: string | undefined) {
    this.#given = given
    this.#header = header?.toLowerCase()
  }

  /** Pages have tags. */
  get isOn(): boolean {
    return this.#given !== undefined || this.#header !== undefined
  }

  policyFor(policy: RefillPolicy, address: Address): RefillPolicy {
    if (!this.isOn) return policy
    const known = this.#known(address)
    if (this.#header === undefined) return { ...policy, tags: known }
    return { ...policy, tags: (page: unknown) => [...known, ...((page as Page).tags ?? [])] }
  }

  /** The tags that a response lists; the name of the header when they cannot be tags. */
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
