import { Duplex } from 'node:stream'
import type { PageWatch } from './watch.ts'

/** Properties of a socket or HTTP/2 stream that describe its state, not the visitor. */
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
  // Node 24.21 reads it to set a header.
  'server',
  'setKeepAlive',
  'setNoDelay',
  'setTimeout',
  'timeout',
  'toJSON',
  'unref',
])

/**
 * Returns a proxy of a socket or HTTP/2 stream for the application while it renders a shared page.
 * The proxy notes reads of properties that differ between connections. `isSecure` is the scheme in
 * the key.
 */
export function watchedConnection(connection: object, watch: PageWatch, isSecure: boolean): object {
  const note = (name: string | symbol): void => {
    if (typeof name === 'string' && !STATE.has(name)) watch.noteField(name)
  }
  // The proxy's target is empty, because util.inspect() reads the target directly.
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
