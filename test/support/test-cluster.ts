import type { TestContext } from 'node:test'
import { parseServers } from '../../src/hosts/address.ts'
import { Cluster } from '../../src/hosts/cluster.ts'
import type { ClusterHooks } from '../../src/hosts/hooks.ts'
import { type ClusterPolicy, defaultClusterPolicy } from '../../src/hosts/policy.ts'
import type { Resolve } from '../../src/net/dial.ts'
import { PlainClient } from './plain-verbs.ts'

/** Settings of a cluster in a test: hosts are probed soon, and calls wait long unless `QUICK`. */
export interface TestClusterOptions extends Partial<ClusterPolicy> {
  readonly hooks?: ClusterHooks
  readonly resolve?: Resolve
}

/** Short timeouts, for tests of hosts that hang. A busy machine may cause them on healthy hosts. */
export const QUICK: ClusterPolicy = {
  ...defaultClusterPolicy,
  ...{ requestTimeoutMs: 200, connectTimeoutMs: 200 },
  ...{ retryTimeoutMs: 300, deadTimeoutMs: 300 },
}

const PATIENT = { ...QUICK, requestTimeoutMs: 20_000, connectTimeoutMs: 20_000 }

/** A cluster over ports of 127.0.0.1 (or server strings) that is closed after the test. */
export function testCluster(
  test: Pick<TestContext, 'after'>,
  servers: readonly (number | string)[],
  { hooks, resolve, ...policy }: TestClusterOptions = {},
): PlainClient {
  const names = servers.map((server) =>
    typeof server === 'number' ? `127.0.0.1:${server}` : server,
  )
  const cluster = new Cluster(parseServers(names), { ...PATIENT, ...policy }, hooks, resolve)
  test.after(() => cluster.close({ drainMs: 0 }))
  return new PlainClient(cluster)
}

/** Longer than any event takes on a busy machine. */
const NEVER_MS = 30_000

/** Waits until `isTrue`, and fails if that never happens. */
export async function until(isTrue: () => boolean): Promise<void> {
  const endMs = performance.now() + NEVER_MS
  while (!isTrue()) {
    if (performance.now() > endMs) throw new Error(`it never came to: ${isTrue}`)
    await new Promise((wake) => setTimeout(wake, 5))
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, ms))
}
