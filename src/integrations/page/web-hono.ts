import { type PageWatch, tellsSomething } from './watch.ts'
import { watchedSurroundings } from './web-request.ts'

/** The watched parts of a Hono context. */
interface Watched {
  readonly req: { raw: Request }
  readonly env: unknown
  readonly var: Readonly<Record<string, unknown>>
}

/**
 * Makes a Hono context show only what is in the key, while the application renders a shared page.
 * Notes reads of what earlier middleware set, and of what the server knows about the visitor.
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

/** Hono's own properties, including methods that are stored as fields. */
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

/**
 * Notes reads of data that validators added before the page cache. Later validators read only the
 * watched request, so their data needs no watch.
 */
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
