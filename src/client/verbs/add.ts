import { acceptOneValue } from '../../net/refusal.ts'
import type { Verb } from '../../net/request.ts'
import { Request, verbOf } from '../../net/request.ts'
import { getsHead } from '../../protocol/request.ts'
import type { ClientCore } from '../core.ts'
import { checkOptions, STORE_OPTIONS, type StoreOptions } from '../options.ts'
import type { Codec } from '../values/codec.ts'
import { cas, store } from './storage.ts'

/** Stands for an item with a value: no CAS id is 0. */
const A_VALUE = 0n

/** Resolves to the CAS id of a placeholder, or to A_VALUE for any other item. */
const GETS_PLACEHOLDER: Verb = verbOf({
  name: 'gets',
  effect: 'read',
  repeatable: true,
  encode({ wireKey }, out) {
    out.text(getsHead([wireKey]))
  },
  accept: acceptOneValue((request, reply) => {
    const { cas, flags, size } = reply
    const isMiss = size === 0 && (request.context as Codec).decode(flags, reply) === undefined
    request.resolve(isMiss ? cas : A_VALUE)
  }),
})

/**
 * Stores a value if the key has none; resolves to true when it was stored. A refill's placeholder
 * is not a value, but memcached rejects an `add` over it, and the placeholder of a killed process
 * stays for more than a minute. So after a rejected `add` a second round trip replaces a
 * placeholder by its CAS id; the refill then does not store its result.
 */
export function add(
  core: ClientCore,
  key: string,
  value: unknown,
  options: StoreOptions | undefined,
): Promise<boolean> {
  checkOptions('add', options, STORE_OPTIONS)
  return core.asOne('add', key, (one) => addOrReplace(one, key, value, options))
}

async function addOrReplace(
  core: ClientCore,
  key: string,
  value: unknown,
  options: StoreOptions | undefined,
): Promise<boolean> {
  const wireKey = core.keys.wireKey(key)
  const routeKey = core.keys.routeKey(key)
  const whole = core.deadline('add', options, routeKey)
  if (await store(core, 'add', key, value, options)) return true
  // Only the parts of a large value take longer than an operation: then what follows is another.
  const isLong = options?.timeoutMs === undefined && whole.isOver
  const deadline = isLong ? core.deadline('add', options, routeKey) : whole
  const look = new Request<bigint | undefined>(GETS_PLACEHOLDER, routeKey, wireKey, core.codec)
  const id = await deadline.bound(core.submit(look, deadline.next()))
  if (id === undefined || id === A_VALUE) return false
  deadline.sent = true
  const rest = { ttl: options?.ttl, ...deadline.next() }
  return (await deadline.bound(cas(core, key, value, id, rest))) === 'stored'
}
