import type { Report } from './report.ts'
import { readValue, writeValue } from './values.ts'

/** What a read of a page may be no older than. */
export interface Floor {
  /** The newest version whose invalidation was acknowledged. */
  readonly fresh: number
  /** The same for values that are called stale: they end with a delete. */
  readonly stale: number
}

/** A page of an origin, which refills cache. Its versions count the changes at the origin. */
export class Page {
  readonly key: string
  readonly #report: Report
  #version = 1
  #fresh = 1
  #stale = 1

  constructor(key: string, report: Report) {
    this.key = key
    this.#report = report
  }

  /** What the origin says now. */
  load(): string {
    return writeValue(this.key, this.#version, 'small')
  }

  floor(): Floor {
    return { fresh: this.#fresh, stale: this.#stale }
  }

  /** The origin changed: the cache is to be told of this version. */
  change(): number {
    return ++this.#version
  }

  invalidated(version: number): void {
    this.#fresh = Math.max(this.#fresh, version)
  }

  deleted(version: number): void {
    this.invalidated(version)
    this.#stale = Math.max(this.#stale, version)
  }

  saw(value: unknown, state: string, floor: Floor, verb: string): void {
    const version = readValue(value, this.key, 'small')
    if (version === undefined || version > this.#version) {
      this.#report.add('wrong', `${verb} ${this.key} returned ${String(value).slice(0, 60)}`)
      return
    }
    this.#report.hits++
    const least = state === 'stale' ? floor.stale : floor.fresh
    if (version >= least) return
    const what = `${verb} ${this.key} returned version ${version} as ${state}`
    this.#report.add('stale', `${what}, though ${least} was acknowledged`)
  }
}
