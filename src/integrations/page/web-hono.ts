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
