import process from 'node:process'
import { memcachedAbilities, startMemcached } from '../support/memcached.ts'
import { type CellServer, USUAL, type Variant } from './cell.ts'

/** The kinds of servers and clients with which the test cases can run, by name. */
export const VARIANTS: Readonly<Record<string, Variant>> = {
  usual: USUAL,
  /** Changes of servers have a handover, and the client never ejects its only host. */
  handover: { ...USUAL, behaviors: { handover: '2s', announce: '1s' } },
  lone: { ...USUAL, behaviors: { ejectLoneHost: false } },
  /** Real memcacheds. */
  memcached: { ...USUAL, start: startReal, unsupported: unsupportedVerbs() },
}

function unsupportedVerbs(): readonly string[] {
  const { gat, meta, fullDumps } = memcachedAbilities()
  const supported = { gat, 'meta.mg': meta, 'meta.ms': meta, metadump: fullDumps }
  return Object.entries(supported).flatMap(([verb, can]) => (can ? [] : [verb]))
}

async function startReal(): Promise<CellServer> {
  const server = await startMemcached()
  const signal = (name: NodeJS.Signals) => (): void => {
    process.kill(server.pid, name)
  }
  return {
    port: server.port,
    pause: signal('SIGSTOP'),
    resume: signal('SIGCONT'),
    restart: () => server.restart(),
    kill: () => server.kill(),
    close: () => server.kill(),
  }
}
