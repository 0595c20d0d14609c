import { settledWithin } from '../deadline.ts'
import type { Request } from '../net/request.ts'
import type { Host } from './host.ts'

/** Sends a request to one host and resolves to its result. */
export type MarkAsk = <Result, Context>(
  host: Host,
  request: Request<Result, Context>,
) => Promise<Result>

/** Runs a task on all hosts, within `withinMs`; ignores hosts that fail or are late. */
export async function each(
  hosts: readonly Host[],
  work: (host: Host) => Promise<unknown>,
  withinMs?: number,
): Promise<void> {
  const all = Promise.all(hosts.map((host) => work(host).catch(() => {})))
  if (withinMs === undefined) return void (await all)
  await settledWithin(withinMs, all)
}

/** Runs a task on all hosts, within `withinMs`; resolves to whether it returned true on each. */
export async function trueOnAll(
  hosts: readonly Host[],
  work: (host: Host) => Promise<boolean>,
  withinMs: number,
): Promise<boolean> {
  let done = 0
  await each(
    hosts,
    async (host) => {
      if (await work(host)) done++
    },
    withinMs,
  )
  return done === hosts.length
}
