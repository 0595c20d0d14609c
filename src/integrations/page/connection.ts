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
  const note = (name: string | symbol): void => {
    if (typeof name === 'string' && !STATE.has(name)) watch.noteField(name)
  }
  // util.inspect() looks at the target of a proxy: there is nothing to see.
  const view: object = new Proxy(Object.create(Object.getPrototypeOf(connection)), {
    get(_, name) {
      if (name === 'encrypted') return isSecure ? true : undefined
      note(name)
      const value: unknown = Reflect.get(connection, name, connection)
      if (typeof value !== 'function' || name === 'constructor') return value
      return (...args: unknown[]) => {
        const answer: unknown = Reflect.apply(value, connection, args)
        return answer === connection ? view : answer
      }
    },
    set: (_, name, value) => Reflect.set(connection, name, value, connection),
    has: (_, name) => Reflect.has(connection, name),
    deleteProperty: (_, name) => Reflect.deleteProperty(connection, name),
    defineProperty: (_, name, descriptor) => Reflect.defineProperty(connection, name, descriptor),
    ownKeys() {
      watch.noteField('socket')
      return Reflect.ownKeys(connection)
    },
    getOwnPropertyDescriptor(_, name) {
      note(name)
      const own = Reflect.getOwnPropertyDescriptor(connection, name)
      return own && { ...own, configurable: true }
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
