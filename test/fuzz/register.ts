import type { Column, Report } from './report.ts'
import { readValue, type ValueKind, writeValue } from './values.ts'

/** Counts events, so that "before" and "after" are exact. All registers share it. */
let now = 0
export function nextEvent(): number {
  return ++now
}

/** A write, from its call to the moment after which it can no longer take effect. */
interface Write {
  readonly isRemoval: boolean
  readonly start: number
  end: number
  /** When the caller learned that the write was not done. */
  denial: string | undefined
}

/** Calls back when no command rejected so far can still run. */
export type Afterwards = (settle: () => void) => void

/** What was certain when an operation began. */
export interface Moment {
  /** The latest start among the writes that had taken effect. */
  readonly floor: number
  /** The latest start among the stores that had taken effect, and among the removals. */
  readonly stored: number
  readonly removed: number
}

/**
 * A key under concurrent reads and writes. A read may return a version only if no write that took
 * effect before the read began had itself begun after that version could no longer take effect.
 */
export class Register {
  readonly key: string
  readonly kind: ValueKind
  /** Whether only one host may serve the key. Otherwise a miss proves nothing. */
  readonly isAlone: boolean
  readonly #report: Report
  readonly #afterwards: Afterwards
  readonly #writes: Write[] = []
  #floor = 0
  #stored = 0
  #removed = 0
  readonly #puts = new OpenWrites()
  readonly #removals = new OpenWrites()

  constructor(
    key: string,
    kind: ValueKind,
    isAlone: boolean,
    report: Report,
    afterwards: Afterwards,
  ) {
    this.key = key
    this.kind = kind
    this.isAlone = isAlone
    this.#report = report
    this.#afterwards = afterwards
    report.history.keep(key)
  }

  moment(): Moment {
    return { floor: this.#floor, stored: this.#stored, removed: this.#removed }
  }

  /** Begins a store; returns the version's number and the value to store. */
  put(): { readonly version: number; readonly value: string } {
    const version = this.#begin(false)
    this.#puts.begin()
    return { version, value: writeValue(this.key, version, this.kind) }
  }

  /**
   * Begins a time in which the client may delete the key: a batch deletes a key that it could not
   * store before its caller gets the result. Returns a function that ends that time.
   */
  mayRemove(): () => void {
    this.#removals.begin()
    return () => this.#removals.end(nextEvent())
  }

  remove(): number {
    this.#removals.begin()
    return this.#begin(true)
  }

  /** The write was acknowledged. */
  done(version: number): void {
    this.#note(`version ${version} acknowledged`)
    this.#end(version)
    this.#tookEffect(version)
  }

  /** The caller learned that the write was not done. */
  undone(version: number, how: string): void {
    this.#note(`version ${version}: ${how}`)
    this.#end(version)
    this.#writes[version]!.denial = how
  }

  /**
   * The write was rejected. A client may remove what it could not store, or repeat a removal, as
   * soon as the host is reachable.
   */
  rejected(version: number, denial: string | undefined): void {
    const { isRemoval } = this.#writes[version]!
    if (denial === undefined) this.#afterwards(() => this.#end(version))
    else this.undone(version, denial)
    this.#note(`version ${version} rejected`)
    if (isRemoval && denial === undefined) return
    this.#removals.begin()
    this.#afterwards(() => {
      this.#note(`version ${version} is settled`)
      this.#removals.end(nextEvent())
    })
  }

  /** Checks a value that was read. */
  saw(value: unknown, began: Moment, verb: string): number | undefined {
    const seen = readValue(value, this.key, this.kind)
    this.#note(`${verb} read version ${seen}`)
    const write = seen === undefined ? undefined : this.#writes[seen]
    if (seen === undefined || write === undefined || write.isRemoval) {
      this.#add('wrong', `${verb} ${this.key} returned ${String(value).slice(0, 60)}`)
      return undefined
    }
    this.#report.hits++
    const what = `${verb} ${this.key} returned version ${seen}`
    if (write.denial !== undefined) this.#add('falseAcks', `${what}: ${write.denial}`)
    else if (write.end < began.floor) this.#add('stale', `${what}, ${this.#newer(began)}`)
    else this.#tookEffect(seen)
    return seen
  }

  /** Checks an outcome that is true only where the key is absent. */
  sawAbsent(began: Moment, verb: string): void {
    this.#report.misses++
    this.#note(`${verb} found nothing`)
    const isPresent = began.stored > began.removed && this.#removals.allBefore(began.stored)
    if (!this.isAlone || !isPresent) return
    this.#add('falseAcks', `${verb} found no ${this.key}, though its store was acknowledged`)
  }

  /**
   * Checks an outcome that is true only if the key exists. `own`: how many stores of the caller
   * itself may still be pending.
   */
  sawPresent(began: Moment, verb: string, own = 0): void {
    const isAbsent = began.removed > began.stored && this.#puts.allBefore(began.removed, own)
    if (isAbsent) this.#add('stale', `${verb} found ${this.key}, which had been deleted`)
  }

  #newer(began: Moment): string {
    const at = this.#writes.findIndex((write) => write.start === began.floor)
    return `though ${this.#writes[at]?.isRemoval ? 'delete' : 'version'} ${at} was acknowledged`
  }

  #begin(isRemoval: boolean): number {
    const end = Number.POSITIVE_INFINITY
    this.#writes.push({ isRemoval, start: nextEvent(), end, denial: undefined })
    this.#note(`version ${this.#writes.length - 1} begins${isRemoval ? ': a removal' : ''}`)
    return this.#writes.length - 1
  }

  #end(version: number): void {
    const write = this.#writes[version]!
    write.end = nextEvent()
    if (write.isRemoval) this.#removals.end(write.end)
    else this.#puts.end(write.end)
  }

  #add(column: Column, example: string): void {
    this.#report.add(column, example, this.key)
  }

  #note(event: string): void {
    this.#report.history.add(this.key, event)
  }

  #tookEffect(version: number): void {
    const { start, isRemoval } = this.#writes[version]!
    this.#floor = Math.max(this.#floor, start)
    if (isRemoval) this.#removed = Math.max(this.#removed, start)
    else this.#stored = Math.max(this.#stored, start)
  }
}

/** Writes of one kind: how many may still take effect, and when the last one could. */
class OpenWrites {
  #open = 0
  #lastEnd = 0

  begin(): void {
    this.#open++
  }

  end(at: number): void {
    this.#open--
    this.#lastEnd = Math.max(this.#lastEnd, at)
  }

  /** Whether all writes except `own` of them had ended before an event. */
  allBefore(event: number, own = 0): boolean {
    return this.#open <= own && this.#lastEnd < event
  }
}
