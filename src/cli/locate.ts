import { resolveBehaviors } from '../behaviors/resolve.ts'
import { MemcachedClient } from '../client/client.ts'
import { loadHash } from '../ring/hashes/registry.ts'
import { createRing } from '../ring/ring.ts'
import { escaped } from '../secrets.ts'
import { type CliIo, exitCodes, UsageError } from './io.ts'
import { jsonText, styleOf } from './style.ts'
import { type CliTarget, cliTarget, parseCommand, targetHelp, targetOptions } from './target.ts'

/** What `mintring locate --help` prints. */
export const locateHelp: string = `Usage: mintring locate KEY… --servers LIST [options]

Shows which server a key is on, why, and where it goes if that server dies. Opens no connection.

${targetHelp}
  mintring locate user:1 --servers 10.0.0.1,10.0.0.2,10.0.0.3:11211:2
  mintring locate user:1 --servers a,b,c --set preset=twemproxy --json
`

interface Place {
  readonly key: string
  readonly server: string
  readonly distribution: string
  readonly hash: number
  readonly point: number | undefined
  readonly fallback: string | undefined
  /** The fraction of all keys that are on this server. */
  readonly share: number
}

/** Runs `mintring locate KEY…`. Exits with 0, or with 1 for an invalid key or server. */
export async function locateCommand(argv: string[], io: CliIo): Promise<number> {
  const { values, positionals: keys } = parseCommand(argv, targetOptions)
  if (values.help === true) {
    io.out(locateHelp)
    return exitCodes.ok
  }
  if (keys.length === 0) throw new UsageError('locate needs a key')
  const places = await placesOf(keys, cliTarget(values, [], io))
  if (values.json === true) io.out(`${jsonText(places)}\n`)
  else for (const place of places) io.out(explanation(place, io))
  return exitCodes.ok
}

async function placesOf(keys: readonly string[], target: CliTarget): Promise<Place[]> {
  const settings = resolveBehaviors(target.behaviors)
  if (settings.hash !== undefined) await loadHash(settings.hash)
  const ring = createRing(target.servers, settings)
  const shares = ring.shares()
  await using client = new MemcachedClient(target.servers, target.behaviors)
  return keys.map((key) => {
    const { server, hash, point, fallback } = client.locate(key)
    const index = target.servers.findIndex((candidate) => candidate.label === server)
    const { distribution } = settings
    return { key, server, distribution, hash, point, fallback, share: shares[index] ?? Number.NaN }
  })
}

function explanation(place: Place, io: CliIo): string {
  const style = styleOf(io)
  const { key, server, distribution, hash, point, fallback, share } = place
  const where = point === undefined ? '' : `, the next point on the continuum is ${point}`
  const otherwise = 'no fallback (failover is off, or this is the only host)'
  return `${style.bold(escaped(key))}
  lives on     ${style.green(escaped(server))}
  because      ${distribution}: its hash is ${hash}${where}
  share        ${(share * 100).toFixed(1)} % of all keys
  if it dies   ${fallback === undefined ? otherwise : escaped(fallback)}
`
}
