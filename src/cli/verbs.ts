import type { CliCommand } from './io.ts'

/** The code and the help text of a verb. */
export interface LoadedVerb {
  readonly run: CliCommand
  readonly help: string
}

/** A verb of the command line. Its file is loaded only when the verb is used. */
export interface CliVerb {
  readonly name: string
  readonly summary: string
  load(): Promise<LoadedVerb>
}

const demoHelp = `Usage: mintring demo

Shows the two main features of mintring in 20 seconds, on servers inside this process: a cache host
dies and returns, and a popular page expires while 1,000 readers request it.
`

/** All verbs, in the order of `mintring --help`. */
export const verbs: readonly CliVerb[] = [
  {
    name: 'locate',
    summary: 'which server a key is on, why, and where it goes if that server dies',
    load: async () => {
      const { locateCommand, locateHelp } = await import('./locate.ts')
      return { run: locateCommand, help: locateHelp }
    },
  },
  {
    name: 'ping',
    summary: 'every server: latency, version, what it supports',
    load: async () => {
      const { pingCommand, pingHelp } = await import('./ping.ts')
      return { run: pingCommand, help: pingHelp }
    },
  },
  {
    name: 'get',
    summary: 'a value, its host, flags, size and remaining ttl',
    load: async () => {
      const { getCommand, getHelp } = await import('./get.ts')
      return { run: getCommand, help: getHelp }
    },
  },
  {
    name: 'set',
    summary: 'store a value: text, JSON or bytes',
    load: async () => {
      const { setCommand, setHelp } = await import('./set.ts')
      return { run: setCommand, help: setHelp }
    },
  },
  {
    name: 'invalidate',
    summary: 'mark keys stale, or all values of a tag',
    load: async () => {
      const { invalidateCommand, invalidateHelp } = await import('./invalidate.ts')
      return { run: invalidateCommand, help: invalidateHelp }
    },
  },
  {
    name: 'stats',
    summary: 'one table over all servers: items, memory, hit ratio, evictions',
    load: async () => {
      const { statsCommand, statsHelp } = await import('./stats.ts')
      return { run: statsCommand, help: statsHelp }
    },
  },
  {
    name: 'top',
    summary: 'the same, live: operations, hit ratio, latency, state',
    load: async () => {
      const { topCommand, topHelp } = await import('./top.ts')
      return { run: topCommand, help: topHelp }
    },
  },
  {
    name: 'remap',
    summary: 'how many keys move when servers join or leave',
    load: async () => {
      const { remapCommand, remapHelp } = await import('./remap.ts')
      return { run: remapCommand, help: remapHelp }
    },
  },
  {
    name: 'behaviors',
    summary: 'every setting: its values, its default, its names in other clients',
    load: async () => {
      const { behaviorsCommand, behaviorsHelp } = await import('./behaviors.ts')
      return { run: behaviorsCommand, help: behaviorsHelp }
    },
  },
  {
    name: 'warm',
    summary: 'fill a cache from a list of keys; can be resumed',
    load: async () => {
      const { warmCommand, warmHelp } = await import('./warm.ts')
      return { run: warmCommand, help: warmHelp }
    },
  },
  {
    name: 'serve',
    summary: 'a memcached inside a Node process, for development',
    load: async () => {
      const { serveCommand, serveHelp } = await import('./serve.ts')
      return { run: serveCommand, help: serveHelp }
    },
  },
  {
    name: 'demo',
    summary: 'what mintring is for, in 20 seconds',
    load: async () => {
      const { demoCommand } = await import('./demo.ts')
      return { run: demoCommand, help: demoHelp }
    },
  },
]
