import { settledWithin } from '../deadline.ts'
import { MintringError } from '../errors.ts'
import type { Cluster } from '../hosts/cluster.ts'
import type { Abilities } from '../net/abilities.ts'
import type { Dialect } from '../refill/store.ts'

/** How long to wait for the replies of the other hosts once the first host has replied. */
const DIALECT_PATIENCE_MS = 250

/** Asks all hosts whether they support meta commands. Rejects if no host replies. */
export async function dialectOf({ hosts, policy }: Cluster): Promise<Dialect> {
  const answers: Abilities[] = []
  const asked = hosts.map(async (host) => {
    answers.push(host.abilities ?? (await host.ready()))
  })
  const anyAnswer = Promise.any(asked).catch(() => {})
  // A host that is not connected replies only after it returns, which may be never.
  await settledWithin(hosts.some((host) => host.usable) ? policy.requestTimeoutMs : 0, anyAnswer)
  if (answers.length === 0) throw untold()
  await settledWithin(DIALECT_PATIENCE_MS, Promise.allSettled(asked))
  return answers.every(({ meta }) => meta) ? 'meta' : 'classic'
}

function untold(): MintringError {
  const message = 'No host was reachable to find out whether meta commands are supported'
  return new MintringError('MINTRING_NO_HOSTS', message)
}
