// Counts, without timing, what a change of servers moves, for 2 to 100 hosts and every
// distribution, and how unevenly rings with few or many points distribute keys. `npm run bench --
// remap-curve` writes bench/results/remap-curve.json, from which bench/ring-pictures.mjs draws.
import { mkdirSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { distributionNames } from '../src/ring/distributions/registry.ts'
import { createRing } from '../src/ring/ring.ts'
import { remap } from '../src/simulate/remap.ts'

const HOSTS = [2, 3, 4, 5, 7, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 100]
const KEYS = 20_000
const TRIALS = 5
// It scores every server for every key, and moves the same keys as rendezvous.
const PYMEMCACHE_MOST = 10
const HOST_SETS = 30

interface CurvePoint {
  readonly distribution: string
  readonly hosts: number
  readonly change: 'remove' | 'add'
  readonly moved: number
  readonly unrelated: number
  readonly ideal: number
}

async function curve(): Promise<CurvePoint[]> {
  const points: CurvePoint[] = []
  for (const hosts of HOSTS) {
    const distributions = distributionNames.filter((name) => {
      return name !== 'pymemcache' || hosts <= PYMEMCACHE_MOST
    })
    for (const change of ['remove', 'add'] as const) {
      const input = { servers: hosts, change: { [change]: 1 }, keys: KEYS, trials: TRIALS }
      const { results } = await remap({ ...input, distributions })
      for (const { distribution, moved, unrelated, ideal } of results) {
        points.push({ distribution, hosts, change, moved, unrelated, ideal })
      }
    }
  }
  return points
}

interface Imbalance {
  readonly points: number
  readonly hosts: number
  readonly maxOverMean: number
  readonly worstMaxOverMean: number
  readonly stddevOverMean: number
}

/** Exact shares of the circle, over 30 sets of hosts. */
function imbalance(points: number, hosts: number): Imbalance {
  const sets = Array.from({ length: HOST_SETS }, (_, set) => {
    const servers = Array.from({ length: hosts }, (_, i) => `10.${set}.0.${i + 1}`)
    const ring = createRing(servers, { distribution: 'hashring', vnodes: points / 4 })
    const loads = ring.shares().map((share) => share * hosts)
    const variance = loads.reduce((sum, load) => sum + (load - 1) ** 2, 0) / hosts
    return { most: Math.max(...loads), stddev: Math.sqrt(variance) }
  })
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length
  return {
    points,
    hosts,
    maxOverMean: mean(sets.map(({ most }) => most)),
    worstMaxOverMean: Math.max(...sets.map(({ most }) => most)),
    stddevOverMean: mean(sets.map(({ stddev }) => stddev)),
  }
}

process.removeAllListeners('warning')
process.on('warning', () => {})
const results = {
  keys: KEYS,
  trials: TRIALS,
  curve: await curve(),
  imbalance: [40, 100, 160, 640].flatMap((points) => {
    return [3, 5, 10, 50, 100].map((hosts) => imbalance(points, hosts))
  }),
}
const folder = new URL('results/', import.meta.url)
mkdirSync(folder, { recursive: true })
writeFileSync(new URL('remap-curve.json', folder), `${JSON.stringify(results, null, 1)}\n`)
console.log(`wrote ${fileURLToPath(new URL('remap-curve.json', folder))}`)
