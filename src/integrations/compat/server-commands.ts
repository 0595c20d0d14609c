import { callable, type Instance } from './instance.ts'
import type { ServerCommands } from './types.ts'

type Methods = { [Name in keyof ServerCommands]: (this: Instance, ...words: never[]) => void }

const TO_DUMP = [
  ['number', Number],
  ['slabid', Number],
  ['callback', Function],
] as const

const everywhere = {
  version: single('version'),
  flush: single('flush_all'),
  stats: single('stats'),
  settings: single('stats settings'),
  slabs: single('stats slabs'),
  items: single('stats items'),
}

/** The commands about whole servers. */
export const serverCommands: Methods = {
  ...everywhere,
  flushAll: everywhere.flush,
  statsSettings: everywhere.settings,
  statsSlabs: everywhere.slabs,
  statsItems: everywhere.items,

  cachedump(server: string, slabid: number, number: number, callback: unknown) {
    const about = { type: 'stats cachedump', slabid, number, validate: TO_DUMP }
    const command = `stats cachedump ${slabid} ${number}`
    this.command(() => ({ ...about, callback: callable(callback), command }), server)
  },
}

/** Sends a command to every server; calls back with the results in the order of the list. */
function single(type: string): (this: Instance, callback: unknown) => void {
  return function (this: Instance, callback: unknown) {
    const results: unknown[] = []
    const errors: unknown[] = []
    let left: number | undefined
    this.multi(false, (server, _keys, index, total) => {
      left ??= total
      const done = (error: unknown, result: unknown): void => {
        if (error) errors.push(error)
        if (result) results[index] = result
        left!--
        if (left === 0) callable(callback)?.call(undefined, errors.pop(), results.flat())
      }
      this.command(() => ({ callback: done, type, command: type }), server)
    })
  }
}
