import type { EmbeddedServer } from '../../src/embedded/index.ts'
import type { BehaviorsInput, OperationOptions } from '../../src/index.ts'
import type { Cell } from './cell.ts'
import type { Kind, Subject } from './subject.ts'

/**
 * What a call may come to. `succeeds`: nothing of the event is seen. `rejects`: with that code, and
 * nothing was sent. `any`: a true result or an error, in time.
 */
export type Expectation = 'succeeds' | 'any' | { readonly rejects: string }

/** Something that happens around a call. */
export interface Event {
  readonly name: string
  /** The numbers of hosts it makes sense with; 1 and 3 by default. */
  readonly hosts?: readonly number[]
  readonly behaviors?: (cell: { readonly gutter: EmbeddedServer | undefined }) => BehaviorsInput
  readonly hasGutter?: boolean
  /** Before the call, around it, and after it settled. */
  readonly before?: (cell: Cell, subject: Subject) => Promise<void> | void
  readonly during?: (cell: Cell) => Promise<void> | void
  readonly after?: (cell: Cell) => Promise<void> | void
  /** What the call is told; a signal is made for each call. */
  readonly options?: () => OperationOptions
  /** Whether the host may have lost its keys, or other hosts may be asked for them. */
  readonly loses?: (hosts: number) => boolean
  readonly expects: (kind: Kind, hosts: number) => Expectation
  /** What the calls of others in the same turn may come to. */
  readonly others: (kind: Kind, hosts: number) => Expectation
  /** Whether home may be ejected: else one caller's bad luck took it from everybody. */
  readonly ejects?: boolean
  /** Whether the calls of others begin when the command of this one has left. */
  readonly isFirst?: boolean
  /** Whether hosts were out, so that copies may be left over for a later outage. */
  readonly isOutage?: boolean
  /** Subjects for which the event makes no sense, with the reason. */
  readonly pointless?: (subject: Subject) => string | undefined
}

export const always = (): boolean => true
export const succeeds = (): Expectation => 'succeeds'
export const any = (): Expectation => 'any'
/** Where bytes left, only what may be repeated hides the loss; a stream has no second attempt. */
export const unlessOnce = (kind: Kind): Expectation => {
  return kind === 'once' || kind === 'stream' ? 'any' : 'succeeds'
}
/** With other hosts, what may be repeated finds one of them. */
export const elsewhere = (kind: Kind, hosts: number): Expectation => {
  if (kind === 'refill') return 'succeeds'
  return hosts > 1 && kind !== 'stream' ? 'succeeds' : 'any'
}
export const severalHosts = (hosts: number): boolean => hosts > 1
export const isStream = ({ kind }: Subject): string | undefined => {
  return kind === 'stream' ? 'a stream has a connection of its own, and no queue' : undefined
}
