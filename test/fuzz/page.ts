import type { Report } from './report.ts'
import { readValue, writeValue } from './values.ts'

/** The oldest version that a read of a page may return. */
export interface Floor {
  /** The newest version whose invalidation was acknowledged. */
  readonly fresh: number
  /** For values marked stale: the newest version whose change was acknowledged by a delete. */
  readonly stale: number
}

/** A page of an origin that refills cache. Its versions count the changes at the origin. */
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

  /** The current content of the origin. */
  load(): string {
    return writeValue(this.key, this.#version, 'small')
  }

  floor(): Floor {
    return { fresh: this.#fresh, stale: this.#stale }
  }

  /** Changes the origin; the caller must then tell the cache about this version. */
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
