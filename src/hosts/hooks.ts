import type {
  EjectMessage,
  HandoverMessage,
  ProbeMessage,
  ReturnMessage,
  SlowMessage,
} from '../channels.ts'
import type { ServerAddress } from './address.ts'

/** Callbacks for events of hosts. Hooks must not throw. */
export interface ClusterHooks {
  /** The client's id in messages on diagnostics channels. */
  readonly client?: string
  eject?(message: EjectMessage): void
  probe?(message: ProbeMessage): void
  return?(message: ReturnMessage): void
  /** A handover started, entered its next phase, or ended. */
  handover?(message: HandoverMessage): void
  /** No handover is under way any more, whether or not `handover` told of its start. */
  handedOver?(): void
  /**
   * The fleet went back to the previous servers before values moved, which would have been in
   * `leftMs`.
   */
  reversed?(servers: readonly ServerAddress[], leftMs: number): void
  /** The fleet uses other servers than this client. */
  outdated?(servers: readonly string[], next: readonly string[]): void
  slow?(message: SlowMessage): void
  /**
   * A host returned without having applied `keys` missed changes: there were more than are recorded
   * exactly (`maxOwedKeys`).
   */
  invalidationsLost?(message: { readonly host: string; readonly keys: number }): void
}
