import type { TestContext } from 'node:test'
import { type ChaosProxy, startChaosProxy } from './chaos-proxy.ts'
import { type FaultCase, type FaultCaseOptions, startFaultCase } from './fault-case.ts'

/** Starts real memcacheds and a client under load that reaches each of them through a proxy. */
export async function startBehindProxies(
  t: TestContext,
  seed: number,
  options: FaultCaseOptions = {},
): Promise<{ fault: FaultCase; proxies: ChaosProxy[] }> {
  const proxies: ChaosProxy[] = []
  const fault = await startFaultCase(t, {
    ...options,
    through: async (servers) => {
      for (const { port } of servers)
        proxies.push(await startChaosProxy(port, seed + proxies.length))
      t.after(() => Promise.all(proxies.map((proxy) => proxy.close())))
      return proxies.map(({ port }) => port)
    },
  })
  return { fault, proxies }
}
