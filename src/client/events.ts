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

/** Something odd that is not an error: said once, never thrown. */
export interface WarningMessage {
  /** What is odd, in words. */
  readonly message: string
  /** The host it is about, as `hosts()` names it. */
  readonly host?: string | undefined
}

/** What a client tells its listeners. Keys and values are never in it, nor are credentials. */
export interface ClientEvents {
  /** A host left the ring. */
  eject: EjectMessage
  /** An ejected host was tried in the background. */
  probe: ProbeMessage
  /** A host is back in the ring. */
  return: ReturnMessage
  /** A host replies much more slowly than its peers, or no longer does. */
  slow: SlowMessage
  /** A refill stored a value. */
  refill: RefillMessage
  /** A loader failed, or its value could not be stored. */
  refillError: RefillMessage
  /** A value was loaded, but something newer had happened: it was not stored. */
  leaseLost: RefillMessage
  /** Another client's refill did not finish in time: this one took it over. */
  leaseTakenOver: RefillMessage
  /** A stale value was served. */
  stale: RefillMessage
  /** A value could not be read, and is loaded anew. */
  unreadable: RefillMessage
  /** A refill went on without the cache, which could not be reached. */
  bypass: RefillMessage
  /** A loaded value is over the item size: it was not stored. */
  valueTooLarge: RefillMessage
  /** Invalidations for a host that was away could not all be kept. */
  invalidationsLost: RefillMessage
  /** A handover began, went on to its next phase, or is over. */
  handover: HandoverMessage
  /** Settings or membership changed. */
  configure: ConfigureMessage
  /** Something odd that is not an error. */
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
 * The client's events. No event of theirs can end the process: there is none named `error`, and
 * what a listener throws, or rejects with, becomes a process warning.
 */
export class Events {
  readonly #listeners: Listeners = {}

  /** Throws MINTRING_BAD_ARGUMENT for an event that is never told, or a listener that is none. */
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

  /** Whether the event has a listener: without one its message need not be made. */
  has(name: keyof ClientEvents): boolean {
    return (this.#listeners[name]?.size ?? 0) > 0
  }

  emit<Name extends keyof ClientEvents>(name: Name, message: ClientEvents[Name]): void {
    const found = this.#listeners[name] as Set<Listener<Name>> | undefined
    for (const listener of found ?? []) {
      try {
        const told: unknown = listener(message)
        // An async listener: its rejection would end the process.
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
      "There is no event 'error': what fails rejects; on('eject') and on('warning') tell the rest",
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
