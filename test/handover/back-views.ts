import { type HomeName, type KeyEffect, type Plan, planOf } from '../../src/ring/transition.ts'

type Home = HomeName | 'third'
/** How a process uses the key; undefined: it holds or refuses requests. */
export type Used = 'previous' | 'announce' | 'move' | 'third announce' | 'third move'
export type View = Used | undefined

const known = new Map<string, string | undefined>()

/** What a read would return that is older than a change, if processes use a key so. */
export function wrongRead(one: Used, other: Used): string | undefined {
  const name = `${one}, ${other}`
  if (!known.has(name)) known.set(name, wrongReadOf([one, other], new Map([['previous', 1]]), 1))
  return known.get(name)
}

/** Tries all sequences of two changes. FleetModel tries every order of their single commands. */
function wrongReadOf(
  views: readonly Used[],
  values: ReadonlyMap<Home, number>,
  newest: number,
): string | undefined {
  for (const reader of views) {
    const homes = planFor(reader, 'read').filter(({ act }) => act.startsWith('run'))
    const found = homes.map(({ at }) => values.get(homeIn(reader, at)))
    const version = found.find((value) => value !== undefined) ?? newest
    if (version < newest) return `${version} is fresh for ${views.join(', ')} after ${newest}`
  }
  if (newest > 2) return undefined
  for (const writer of views) {
    const changed = new Map(values)
    for (const { at, act } of planFor(writer, 'store')) {
      if (act === 'run') changed.set(homeIn(writer, at), newest + 1)
      else changed.delete(homeIn(writer, at))
    }
    const wrong = wrongReadOf(views, changed, newest + 1)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function homeIn(view: Used, at: HomeName): Home {
  return at === 'new' && view.startsWith('third') ? 'third' : at
}

function planFor(view: Used, effect: KeyEffect): Plan {
  if (view === 'previous') return [{ at: 'previous', act: 'run' }]
  return planOf(view.endsWith('move') ? 'move' : 'announce', effect, false)
}
