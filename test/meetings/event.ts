import type { EmbeddedServer } from '../../src/embedded/index.ts'
import type { BehaviorsInput, OperationOptions } from '../../src/index.ts'
import type { Cell } from './cell.ts'
import type { Kind, Subject } from './subject.ts'

/**
 * The allowed outcomes of a call. `succeeds`: as without the event. `rejects`: with that error
 * code, and nothing was sent. `any`: a correct result or an error, in time.
 */
export type Expectation = 'succeeds' | 'any' | { readonly rejects: string }

/** An event that happens around a call. */
export interface Event {
  readonly name: string
  /** The numbers of hosts for which the event makes sense; 1 and 3 by default. */
  readonly hosts?: readonly number[]
  readonly behaviors?: (cell: { readonly gutter: EmbeddedServer | undefined }) => BehaviorsInput
  readonly hasGutter?: boolean
  /** What the event does before the call, while the call runs, and after it settled. */
  readonly before?: (cell: Cell, subject: Subject) => Promise<void> | void
  readonly during?: (cell: Cell) => Promise<void> | void
  readonly after?: (cell: Cell) => Promise<void> | void
  /** The options of the call; a signal is made for each call. */
  readonly options?: () => OperationOptions
  /** Whether the host may have lost its keys, or other hosts may be asked for them. */
  readonly loses?: (hosts: number) => boolean
  readonly expects: (kind: Kind, hosts: number) => Expectation
  /** The allowed outcomes of calls that other callers make in the same event loop tick. */
  readonly others: (kind: Kind, hosts: number) => Expectation
  /**
   * Whether the event may eject the key's host. If not, a failure of one caller must not eject the
   * host for the others.
   */
  readonly ejects?: boolean
  /** Whether other callers begin after the command of this one was sent. */
  readonly isFirst?: boolean
  /** Whether hosts were ejected, so that copies may remain on fallback hosts. */
  readonly isOutage?: boolean
  /** Returns why a verb need not be tested with this event; undefined if it must. */
  readonly pointless?: (subject: Subject) => string | undefined
}

export const always = (): boolean => true
export const succeeds = (): Expectation => 'succeeds'
export const any = (): Expectation => 'any'
/**
 * The connection is lost after bytes were sent. A verb that may run twice is retried and succeeds.
 * One that must not may fail, and a stream is never retried.
 */
export const unlessOnce = (kind: Kind): Expectation => {
  return kind === 'once' || kind === 'stream' ? 'any' : 'succeeds'
}
/** With several hosts, a repeatable command is retried on another one. */
export const elsewhere = (kind: Kind, hosts: number): Expectation => {
  if (kind === 'refill') return 'succeeds'
  return hosts > 1 && kind !== 'stream' ? 'succeeds' : 'any'
}
export const severalHosts = (hosts: number): boolean => hosts > 1
export const isStream = ({ kind }: Subject): string | undefined => {
  return kind === 'stream' ? 'a stream has a connection of its own, and no queue' : undefined
}
