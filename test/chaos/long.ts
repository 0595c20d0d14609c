import process from 'node:process'
import { MUTATIONS, type Mutation } from '../refill/mutants.ts'
import type { ChaosPlan } from './plan.ts'
import { STORM } from './plan.ts'
import { storm } from './storm.ts'

/**
 * The long storm: `node --import tsx test/chaos/long.ts [reads] [profile…]`. Prints one line of
 * JSON per profile; ends with 1 when a promise was broken, or a mistake made on purpose was not
 * found.
 */
interface Profile extends Partial<Omit<ChaosPlan, 'ports'>> {
  readonly servers?: number
}

const RESTARTS = { restartEveryMs: 5_000 }
const DELETES = { writeKinds: ['delete', 'delete', 'set', 'invalidate'], writeEveryMs: 60 } as const

/** Loads that outlast a restart, of servers whose CAS ids never get far. */
const SHORT_LIVES: Profile = {
  ...DELETES,
  keys: 2,
  slowShare: 0.8,
  slowMs: 450,
  restartEveryMs: 500,
  downMs: 0,
}

const profiles: Record<string, Profile> = {
  meta: {},
  classic: { protocol: 'classic' },
  'meta-restarts': RESTARTS,
  'classic-restarts': { ...RESTARTS, protocol: 'classic' },
  'meta-deletes': DELETES,
  'classic-deletes': { ...DELETES, protocol: 'classic' },
  'meta-short-lives': SHORT_LIVES,
  'classic-short-lives': { ...SHORT_LIVES, protocol: 'classic' },
  'meta-sidecar': {
    policy: { ...STORM.policy, placeholder: 'sidecar' },
    writeKinds: ['invalidate', 'refresh', 'set'],
  },
  'meta-ejection': { ...RESTARTS, servers: 2, downMs: 2_000 },
  'classic-ejection': { ...RESTARTS, servers: 2, downMs: 2_000, protocol: 'classic' },
}
/** Many cold keys, and many writes beside the loads: where the rarer mistakes show. */
const CONTROL: Profile = { ...DELETES, restartEveryMs: 1_500, downMs: 100, crashShare: 0.01 }
const controls: Partial<Record<Mutation, Profile>> = {
  staleStore: { writeKinds: ['set', 'invalidate'], writeEveryMs: 40, keys: 2 },
  noEpoch: SHORT_LIVES,
}

const [readsText = '1000000', ...names] = process.argv.slice(2)
const wanted = names.length > 0 ? names : [...Object.keys(profiles), ...MUTATIONS]
for (const name of wanted) {
  const isControl = !(name in profiles)
  const mutation = isControl ? (name as Mutation) : undefined
  const control = mutation === undefined ? undefined : (controls[mutation] ?? CONTROL)
  const { servers = 1, ...profile }: Profile = control ?? profiles[name] ?? {}
  const plan = { ...STORM, ...profile, mutation, reads: Number(readsText), seconds: 600 }
  const startMs = performance.now()
  const outcome = await storm(plan, servers)
  const seconds = Math.round((performance.now() - startMs) / 1000)
  console.log(JSON.stringify({ name, seconds, ...outcome }))
  const isBroken = outcome.violations > 0 || outcome.lost > 0
  if (isBroken !== isControl) process.exitCode = 1
}
