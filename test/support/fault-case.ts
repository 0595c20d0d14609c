import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { ClusterPolicy } from '../../src/hosts/policy.ts'
import { FaultLoad, type LoadOptions, type LoadReport } from './fault-load.ts'
import { type Memcached, startMemcached } from './memcached.ts'
import type { PlainClient } from './plain-verbs.ts'
import { QUICK, type TestClusterOptions, testCluster, until } from './test-cluster.ts'

/** How much later than its timeout an operation may end, because timers are late. */
const EPSILON_MS = 150

/** Real memcacheds, a client of them, and the operations that it runs all the time (its load). */
export interface FaultCase {
  readonly servers: readonly Memcached[]
  readonly client: PlainClient
  readonly load: FaultLoad
  /** The hooks that the client called, in order: `eject 127.0.0.1:5`, `probe+`, `return`. */
  readonly events: readonly { readonly name: string; readonly atMs: number }[]
  state(index?: number): string | undefined
  /** Ends the load and checks what must hold after every fault. */
  finish(): Promise<LoadReport>
}

export interface FaultCaseOptions extends TestClusterOptions {
  readonly load?: Partial<LoadOptions>
  readonly serverArgs?: readonly string[]
  /** The addresses that the client uses, when they are not those of the servers. */
  readonly through?: (servers: readonly Memcached[]) => Promise<readonly (number | string)[]>
}

/** Three memcacheds under 600 operations a second, unless options say otherwise. */
export async function startFaultCase(
  t: TestContext,
  { load: loadOptions, serverArgs, through, ...options }: FaultCaseOptions = {},
): Promise<FaultCase> {
  const args = ['-t', '1', ...(serverArgs ?? [])]
  const servers = await Promise.all([1, 2, 3].map(() => startMemcached({ args })))
  t.after(async () => {
    for (const server of servers) {
      // A stopped process cannot handle SIGTERM.
      await server.kill()
    }
  })
  const events: { name: string; atMs: number }[] = []
  const note = (name: string): void => {
    events.push({ name, atMs: performance.now() })
  }
  const hooks = {
    eject: ({ host }: { host: string }) => note(`eject ${host}`),
    probe: ({ ok }: { ok: boolean }) => note(ok ? 'probe+' : 'probe-'),
    return: () => note('return'),
  }
  const places = (await through?.(servers)) ?? servers.map(({ port }) => port)
  const client = testCluster(t, places, { hooks, ...QUICK, ...options })
  const load = new FaultLoad(client, { opsPerSecond: 600, keys: 500, ...loadOptions })
  // Stops the load also when the test fails: otherwise it would keep the process alive.
  t.after(() => load.stop(0))
  await load.fill()
  const policy = { ...QUICK, ...options }
  return {
    servers,
    client,
    load,
    events,
    state: (index = 0) => client.cluster.snapshot()[index]?.state,
    finish: async () => {
      const report = await load.stop()
      checkInvariants(report, policy)
      await checkHosts(client, policy)
      return report
    },
  }
}

/** Invariants that must hold under every fault. */
export function checkInvariants(report: LoadReport, policy: ClusterPolicy): void {
  assert.equal(report.wrong, 0, 'a value of another key')
  assert.equal(report.settled, report.issued, 'an operation that never settled')
  // A busy event loop can delay a request, its timeout and its reply: hence three times its lag.
  const lateMs = EPSILON_MS + report.maxLagMs * 3
  const boundMs = policy.requestTimeoutMs * (1 + policy.retries) + lateMs
  assert.ok(
    report.longestMs <= boundMs,
    `an operation took ${report.longestMs} ms, over ${boundMs}`,
  )
}

async function checkHosts(client: PlainClient, policy: ClusterPolicy): Promise<void> {
  // Waits for commands that no caller waits for, such as background refills.
  await until(() => client.cluster.hosts.every(({ load }) => load === 0))
  for (const { name, lanes } of client.cluster.snapshot()) {
    assert.ok(lanes <= policy.connections.max, `${lanes} connections to ${name}`)
  }
}
