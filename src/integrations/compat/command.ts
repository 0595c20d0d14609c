import { nextTick } from '../../runtime.ts'
import { outcomeOf, worded } from './errors.ts'
import { tokensOfServer } from './health.ts'
import { type Connected, callable, ENGINE, type Instance, type ServerHandle } from './instance.ts'
import { faultOf, PartlyDone, type Query, RUN, shortened } from './query.ts'
import { npmResult } from './replies.ts'
import { withPort } from './settings.ts'

/** The instances that call connect() from command(): such a call sends no `version` request. */
const commanding = new WeakSet<Instance>()

type Roads = Pick<Instance, 'command' | 'connect' | 'multi'>

/** The methods that every command passes through, and that tracing packages wrap. */
export const road: Roads & ThisType<Instance> = {
  command(compile, server) {
    this.activeQueries++
    const query = compile()
    const { maxQueueSize = 0 } = this
    if (this.activeQueries > maxQueueSize && maxQueueSize > 0) {
      return callBack(this, query, ['over queue limit', null])
    }
    const fault = faultOf(query, this)
    if (fault !== undefined) return callBack(this, query, [new Error(fault)])
    shortenKey(this, query)
    query.start = Date.now()
    const place = server ?? homeOf(this, query)
    commanding.add(this)
    try {
      this.connect(place, () => perform(this, query, place))
    } finally {
      commanding.delete(this)
    }
  },

  connect(server, callback) {
    const handle = handleOf(this, server)
    // Inside command(), do not check the server: the command itself will show whether it is up.
    if (commanding.has(this)) return callback(undefined, handle)
    const about = { server, maxValue: this.maxValue }
    this[ENGINE].send(server, 'version', undefined).then(
      () => nextTick(callback, undefined, handle),
      (error: unknown) => nextTick(callback as Connected, worded(error, about), handle),
    )
  },

  multi(keys, callback) {
    const { servers } = this
    if (!keys) {
      for (const [index, server] of servers.entries()) {
        callback.call(this, server, undefined, index, servers.length)
      }
      return
    }
    const homes = new Map<string, string[]>()
    for (const key of keys) {
      const server = homeOf(this, { key })
      homes.set(server, [...(homes.get(server) ?? []), key])
    }
    for (const [index, [server, some]] of [...homes].entries()) {
      callback.call(this, server, some, index, homes.size)
    }
  },
}

/** Returns the server of a command that names none. */
function homeOf({ servers, HashRing }: Instance, { key }: Query): string {
  const [first = ''] = servers
  return servers.length === 1 ? first : (HashRing.get(String(key)) ?? first)
}

/** Replaces a long key in the command text by the shortened key that is sent. */
function shortenKey(memcached: Instance, query: Query): void {
  const { key, command } = query
  if (typeof key !== 'string' || command === undefined) return
  const short = shortened(key, memcached)
  if (short !== key) query.command = command.replace(key, () => short)
}

function perform(memcached: Instance, query: Query, server: string): void {
  const run = query[RUN] ?? (() => asWritten(memcached, query, server))
  const about = { server, maxValue: memcached.maxValue }
  const fail = (error: unknown): void => {
    memcached[ENGINE].report(error)
    callBackLater(memcached, query, outcomeOf(error, about))
  }
  const succeed = (result: unknown): void => {
    if (!(result instanceof PartlyDone)) {
      callBackLater(memcached, query, [undefined, result])
      return
    }
    memcached[ENGINE].report(result.error)
    callBackLater(memcached, query, [worded(result.error, about), result.result])
  }
  run().then(succeed, fail)
}

/** Sends a command that the caller compiled, exactly as its text says. */
async function asWritten(memcached: Instance, query: Query, server: string): Promise<unknown> {
  const { command = '' } = query
  const end = command.indexOf('\r\n')
  const line = Buffer.from(end < 0 ? command : command.slice(0, end)).toString('latin1')
  const body = end < 0 ? undefined : Buffer.from(command.slice(end + 2))
  const replies = await memcached[ENGINE].send(server, line, body)
  return npmResult(query, withPort(server), replies)
}

/** Calls back on the next tick: an exception in the callback must not become our rejection. */
function callBackLater(memcached: Instance, query: Query, outcome: unknown[]): void {
  nextTick(callBack, memcached, query, outcome)
}

function callBack(memcached: Instance, query: Query, outcome: unknown[]): void {
  memcached.activeQueries--
  if (query.start !== undefined) query.execution = Date.now() - query.start
  const callback = callable(query.callback)
  if (callback !== undefined) Reflect.apply(callback, query, outcome)
}

function handleOf({ connections }: Instance, server: string): ServerHandle {
  const serverAddress = withPort(server)
  const handle = connections[serverAddress] ?? {
    ...{ serverAddress, tokens: tokensOfServer(server), readyState: 'open' as const },
    end: () => {},
  }
  connections[serverAddress] = handle
  return handle
}
