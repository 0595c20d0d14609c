import { type PageWatch, tellsSomething } from './watch.ts'
import { watchedSurroundings } from './web-request.ts'

/** What is watched of a context of Hono. */
interface Watched {
  readonly req: { raw: Request }
  readonly env: unknown
  readonly var: Readonly<Record<string, unknown>>
}

/**
 * Shows a context of Hono that tells only what is in the key, while the application renders for
 * all: what earlier middleware set, and what the server knows of the visitor, is noted when it is
 * read.
 */
export function honoWatched(context: Watched, shown: Request, watch: PageWatch): void {
  const given = context.req.raw
  context.req.raw = shown
  for (const seen of [context, context.req]) watchOwnFields(watch, seen)
  watchValid(watch, context.req)
  const set = new Set(Object.keys(context.var).filter((name) => tellsSomething(context.var, name)))
  const note = (name: unknown): void => {
    if (typeof name === 'string' && set.has(name)) watch.noteField(name)
  }
  watch.show(context, 'get', (get) => (name: unknown) => {
    note(name)
    return (get as (name: unknown) => unknown)(name)
  })
  watch.intercept(context, 'var', () => set.forEach(note))
  watch.show(context, 'env', (env) => watchedSurroundings(env, watch, { shown, own: given }))
}

/** What Hono has there itself, and the methods that are fields there. */
const KNOWN: ReadonlySet<PropertyKey> = new Set([
  'bodyCache',
  'env',
  'error',
  'finalized',
  'path',
  'raw',
  'req',
  'routeIndex',
])

function watchOwnFields(watch: PageWatch, seen: object): void {
  for (const name of Reflect.ownKeys(seen)) {
    if (KNOWN.has(name) || !tellsSomething(seen, name)) continue
    const { value } = Object.getOwnPropertyDescriptor(seen, name) ?? {}
    if (typeof value === 'function') continue
    watch.watchField(seen, name, typeof name === 'symbol' ? (name.description ?? '') : name)
  }
}

/** What validators before the page cache found; those after it read the request themselves. */
function watchValid(watch: PageWatch, request: Watched['req']): void {
  const own = new Set<unknown>()
  type Method = (...args: unknown[]) => unknown
  watch.show(request, 'addValidatedData', (add) => (...args: unknown[]) => {
    own.add(args[0])
    return Reflect.apply(add as Method, request, args)
  })
  watch.show(request, 'valid', (valid) => (target: unknown) => {
    const data: unknown = Reflect.apply(valid as Method, request, [target])
    if (data !== undefined && !own.has(target)) watch.noteField('valid')
    return data
  })
}
