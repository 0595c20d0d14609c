import process from 'node:process'
import { MUTATIONS, type Mutation } from '../refill/mutants.ts'
import type { ChaosPlan } from './plan.ts'
import { STORM } from './plan.ts'
import { storm } from './storm.ts'

/**
 * A long run of processes with faults:
 * `node --import ./scripts/typescript.mjs test/chaos/long.ts [reads] [profile…]`.
 * Prints one line of JSON per profile; exits with 1 when a promise was broken, or a planted mistake
 * was not found. A profile stops after MAX_SECONDS, however many reads a busy machine has made.
 */
const MAX_SECONDS = 480

interface Profile extends Partial<Omit<ChaosPlan, 'ports'>> {
  readonly servers?: number
}

const RESTARTS: Profile = { troubles: [{ kind: 'restart', everyMs: 5_000, forMs: 300 }] }
/** Two servers; one fails long enough to be ejected. */
const EJECTIONS: Profile = {
  servers: 2,
  troubles: [{ kind: 'restart', everyMs: 5_000, forMs: 2_000 }],
}
/** Servers and processes that are killed, stopped and restarted. */
const FAULTS: Profile & Pick<ChaosPlan, 'troubles'> = {
  servers: 3,
  readers: 200,
  troubles: [
    { kind: 'restart', everyMs: 11_000, forMs: 1_500 },
    { kind: 'stop', everyMs: 13_000, forMs: 2_500 },
    { kind: 'pause', everyMs: 7_000, forMs: 3_000 },
    { kind: 'close', everyMs: 9_000, forMs: 0 },
  ],
}
/** All faults together: the list of servers changes too. */
const ALL: Profile = {
  ...FAULTS,
  troubles: [...FAULTS.troubles, { kind: 'leave', everyMs: 15_000, forMs: 13_000 }],
}
const SIDECAR: Profile = {
  policy: { ...STORM.policy, placeholder: 'sidecar' },
  writeKinds: ['invalidate', 'refresh', 'set', 'delete'],
}
const DELETES = { writeKinds: ['delete', 'delete', 'set', 'invalidate'], writeEveryMs: 60 } as const

/** Loads that outlast a restart, on servers whose CAS ids stay low. */
const SHORT_LIVES: Profile = {
  ...DELETES,
  keys: 2,
  slowShare: 0.8,
  slowMs: 450,
  troubles: [{ kind: 'restart', everyMs: 500, forMs: 0 }],
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
  sidecar: SIDECAR,
  'meta-ejection': EJECTIONS,
  'classic-ejection': { ...EJECTIONS, protocol: 'classic' },
  'meta-faults': FAULTS,
  'sidecar-faults': { ...FAULTS, ...SIDECAR },
  'classic-faults': { ...FAULTS, protocol: 'classic' },
  'meta-all': ALL,
  'sidecar-all': { ...ALL, ...SIDECAR },
  'classic-all': { ...ALL, protocol: 'classic' },
}
/** Many cold keys, and many writes during loads: finds the rarer mistakes. */
const CONTROL: Profile = {
  ...DELETES,
  troubles: [{ kind: 'restart', everyMs: 1_500, forMs: 100 }],
  crashShare: 0.01,
}
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
  const plan = { ...STORM, ...profile, mutation, reads: Number(readsText), seconds: MAX_SECONDS }
  const startMs = performance.now()
  const outcome = await storm(plan, servers)
  const seconds = Math.round((performance.now() - startMs) / 1000)
  console.log(JSON.stringify({ name, seconds, ...outcome }))
  const { violations, lost, late, undefineds, overlaps } = outcome
  const isBroken = violations + lost + late + undefineds + overlaps.none > 0
  if (isBroken !== isControl) process.exitCode = 1
}
