import { MemcachedClient } from '../client/client.ts'
import type { Seconds } from '../refill/policy.ts'
import { escaped } from '../secrets.ts'
import { type CliIo, exitCodes, UsageError } from './io.ts'
import { jsonText } from './style.ts'
import { cliTarget, parseCommand, targetHelp, targetOptions } from './target.ts'

/** What `mintring invalidate --help` prints. */
export const invalidateHelp: string = `Usage: mintring invalidate KEY … [options]
       mintring invalidate --tag TAG … [options]

Marks keys stale, or all values that have one of the tags. A stale value is served while one client
refills it. Exits with 1 if no key was found. Invalidating a tag succeeds even if no value has it.

${targetHelp}  --tag TAG              a tag instead of keys; may be repeated
  --hard                 with --tag: do not serve the old values, not even stale
  --stale-while-revalidate 60s
                         how long keys may be served stale: as in the policy of your getOrSet;
                         without it a value keeps its lifetime

  mintring invalidate page:home --servers 10.0.0.1,10.0.0.2
  mintring invalidate --tag product:17 --tag prices
`

/** Runs `mintring invalidate`. Exits with 1 if no key was found. */
export async function invalidateCommand(argv: string[], io: CliIo): Promise<number> {
  const options = {
    ...targetOptions,
    tag: { type: 'string', multiple: true },
    hard: { type: 'boolean' },
    'stale-while-revalidate': { type: 'string' },
  } as const
  const { values, positionals: keys } = parseCommand(argv, options)
  const { tag: tags = [], hard = false } = values
  if ((keys.length === 0) === (tags.length === 0)) {
    throw new UsageError('invalidate takes keys, or --tag with a tag')
  }
  const staleWhileRevalidate = values['stale-while-revalidate'] as Seconds | undefined
  const window = staleWhileRevalidate === undefined ? {} : { staleWhileRevalidate }
  if (staleWhileRevalidate !== undefined && tags.length > 0) {
    throw new UsageError('--stale-while-revalidate is for keys: tags keep the life of each value')
  }
  if (hard && tags.length === 0) throw new UsageError('--hard is for tags: delete a key instead')
  const target = cliTarget(values, [], io)
  await using client = new MemcachedClient(target.servers, target.behaviors)
  const { signal } = io
  if (tags.length > 0) await client.invalidateTags(tags, { hard, signal })
  // Throws for an invalid key before any key is marked stale.
  for (const key of keys) client.locate(key)
  const marks = await Promise.all(keys.map((key) => client.invalidate(key, { ...window, signal })))
  const stale = keys.filter((_, at) => marks[at])
  const missing = keys.filter((_, at) => !marks[at])
  const found = tags.length > 0 || stale.length > 0
  const what = tags.length > 0 ? { tags, hard } : { keys, found, missing }
  if (values.json === true) io.out(`${jsonText(what)}\n`)
  else {
    const names = [...tags, ...stale].map((name) => escaped(name)).join(', ')
    if (found) io.out(`${names}: stale now\n`)
    for (const key of missing) io.err(`mintring invalidate: ${escaped(key)}: no such key\n`)
  }
  return found ? exitCodes.ok : exitCodes.failed
}
