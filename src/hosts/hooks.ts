import type {
  EjectMessage,
  HandoverMessage,
  ProbeMessage,
  ReturnMessage,
  SlowMessage,
} from '../channels.ts'

/** Who is told what happens to hosts. Plain data; what a hook throws is the caller's fault. */
export interface ClusterHooks {
  /** What messages on diagnostics channels call the client. */
  readonly client?: string
  eject?(message: EjectMessage): void
  probe?(message: ProbeMessage): void
  return?(message: ReturnMessage): void
  /** A handover began, went on to its next phase, or is over. */
  handover?(message: HandoverMessage): void
  slow?(message: SlowMessage): void
  /** A host is back and was not told of `keys` changes: more than its journal holds. */
  invalidationsLost?(message: { readonly host: string; readonly keys: number }): void
}
