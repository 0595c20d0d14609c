import { types } from 'node:util'
import { badArgument, insteadOf } from '../arguments.ts'
import type {
  ConfigureMessage,
  EjectMessage,
  HandoverMessage,
  ProbeMessage,
  RefillMessage,
  ReturnMessage,
  SlowMessage,
} from '../channels.ts'
import { messageOf } from '../errors.ts'
import { kindOf, nameShown } from '../secrets.ts'

/** A warning: unusual, but not an error. It is emitted once and never thrown. */
export interface WarningMessage {
  /** The text of the warning. */
  readonly message: string
  /** The host concerned, as `hosts()` names it. */
  readonly host?: string | undefined
}

/**
 * The events of a client and their messages. Messages never contain keys, values or credentials.
 */
export interface ClientEvents {
  /** A host was ejected from the ring. */
  eject: EjectMessage
  /** The client probed an ejected host in the background. */
  probe: ProbeMessage
  /** A host returned to the ring. */
  return: ReturnMessage
  /** A host became much slower than its peers, or recovered. */
  slow: SlowMessage
  /** A refill stored a value. */
  refill: RefillMessage
  /** A loader failed, or its value could not be stored. */
  refillError: RefillMessage
  /** A loaded value was not stored, because the key was changed in the meantime. */
  leaseLost: RefillMessage
  /** Another client's refill did not finish within its lease, so this client took it over. */
  leaseTakenOver: RefillMessage
  /** A stale value was served. */
  stale: RefillMessage
  /** A stored value could not be decoded and is loaded again. */
  unreadable: RefillMessage
  /** A refill continued without the cache, which was unreachable. */
  bypass: RefillMessage
  /** A loaded value exceeds the item size, so it was not stored. */
  valueTooLarge: RefillMessage
  /** The client ran out of room for invalidations that a host missed while it was down. */
  invalidationsLost: RefillMessage
  /** A handover started, entered its next phase, or ended. */
  handover: HandoverMessage
  /** The settings or the servers changed. */
  configure: ConfigureMessage
  /** Something unusual that is not an error. */
  warning: WarningMessage
}

/** A listener of one event. */
export type Listener<Name extends keyof ClientEvents> = (message: ClientEvents[Name]) => void

const EVENTS: Readonly<Record<keyof ClientEvents, true>> = {
  eject: true,
  probe: true,
  return: true,
  slow: true,
  refill: true,
  refillError: true,
  leaseLost: true,
  leaseTakenOver: true,
  stale: true,
  unreadable: true,
  bypass: true,
  valueTooLarge: true,
  invalidationsLost: true,
  handover: true,
  configure: true,
  warning: true,
}

/** The names of all events. */
export const EVENT_NAMES: ReadonlySet<string> = new Set(Object.keys(EVENTS))

type Listeners = { [Name in keyof ClientEvents]?: Set<Listener<Name>> }

/**
 * Emits the client's events. Listeners cannot crash the process: there is no event `error`, and an
 * exception or rejection in a listener becomes a process warning.
 */
export class Events {
  readonly #listeners: Listeners = {}

  /** Adds a listener. Throws MINTRING_BAD_ARGUMENT for an unknown event or an invalid listener. */
  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<Name>): void {
    checkListener(name, listener)
    const listeners: Listeners = this.#listeners
    const found = (listeners[name] as Set<Listener<Name>> | undefined) ?? new Set<Listener<Name>>()
    found.add(listener)
    Object.assign(listeners, { [name]: found })
  }

  off<Name extends keyof ClientEvents>(name: Name, listener: Listener<Name>): void {
    checkListener(name, listener)
    const found = this.#listeners[name] as Set<Listener<Name>> | undefined
    found?.delete(listener)
  }

  /** Whether the event has a listener; otherwise callers need not build its message. */
  has(name: keyof ClientEvents): boolean {
    return (this.#listeners[name]?.size ?? 0) > 0
  }

  emit<Name extends keyof ClientEvents>(name: Name, message: ClientEvents[Name]): void {
    const found = this.#listeners[name] as Set<Listener<Name>> | undefined
    for (const listener of found ?? []) {
      try {
        const told: unknown = listener(message)
        // The rejection of an async listener would end the process.
        if (types.isPromise(told)) told.catch((error: unknown) => warnOf(name, error))
      } catch (error) {
        warnOf(name, error)
      }
    }
  }
}

function checkListener(name: unknown, listener: unknown): void {
  const text = String(name)
  if (text === 'error') {
    throw badArgument(
      "There is no event 'error': failed calls reject; see also on('eject') and on('warning')",
    )
  }
  if (!EVENT_NAMES.has(text)) {
    throw badArgument(`There is no event '${nameShown(text)}'${insteadOf(text, EVENT_NAMES)}`)
  }
  if (typeof listener !== 'function') {
    throw badArgument(`A listener of '${text}' must be a function, not ${kindOf(listener)}`)
  }
}

function warnOf(name: string, error: unknown): void {
  const text = `a listener of '${name}' failed: ${messageOf(error)}`
  process.emitWarning(text, 'MintringWarning')
}
