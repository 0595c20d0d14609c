import { Duplex } from 'node:stream'
import type { PageWatch } from './watch.ts'

/** What of a socket or an HTTP/2 stream tells its state, and nothing of who is at its other end. */
const STATE: ReadonlySet<string> = new Set([
  ...namesOf(Duplex.prototype),
  '_httpMessage',
  '_meta',
  '_paused',
  '_readableState',
  '_writableState',
  'aborted',
  'additionalHeaders',
  'allowHalfOpen',
  'connecting',
  'destroySoon',
  'headersSent',
  'pending',
  'readyState',
  'ref',
  'respond',
  'respondWithFD',
  'respondWithFile',
  'rstCode',
  'sendTrailers',
  'sentHeaders',
  'setKeepAlive',
  'setNoDelay',
  'setTimeout',
  'timeout',
  'toJSON',
  'unref',
])

/**
 * A socket or HTTP/2 stream as the application sees it while it renders for all: whatever tells
 * one connection from another is noted when it is read. `isSecure` is the scheme of the key.
 */
export function watchedConnection(connection: object, watch: PageWatch, isSecure: boolean): object {
  const view: object = new Proxy(connection, {
    get(target, name) {
      if (name === 'encrypted') return isSecure ? true : undefined
      if (typeof name === 'string' && !STATE.has(name)) watch.noteField(name)
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function' || name === 'constructor') return value
      return (...args: unknown[]) => {
        const answer: unknown = Reflect.apply(value, target, args)
        return answer === target ? view : answer
      }
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
    ownKeys(target) {
      watch.noteField('socket')
      return Reflect.ownKeys(target)
    },
    getOwnPropertyDescriptor(target, name) {
      if (typeof name === 'string' && !STATE.has(name)) watch.noteField(name)
      return Reflect.getOwnPropertyDescriptor(target, name)
    },
  })
  return view
}

function namesOf(prototype: object): string[] {
  const names: string[] = []
  for (let one = prototype; one !== Object.prototype; one = Object.getPrototypeOf(one)) {
    names.push(...Object.getOwnPropertyNames(one))
  }
  return names
}
