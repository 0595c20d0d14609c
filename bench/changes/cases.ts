import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'

/** A server list and how keys are placed on it, as a client's options. */
export interface Side {
  readonly servers: readonly string[]
  readonly behaviors: BehaviorsInput
}

/** A change of servers. Hosts are numbered as in the bench, from 0. */
export interface Change {
  readonly name: string
  readonly title: string
  sides(hosts: readonly string[]): { readonly from: Side; readonly to: Side }
}

export const HOSTS = 5

const NPM_MEMCACHED: BehaviorsInput = {
  distribution: 'hashring',
  hash: 'md5',
  labelFormat: 'libmemcached',
}
const LIBMEMCACHED: BehaviorsInput = { distribution: 'ketamaUnweighted', hash: 'one_at_a_time' }

export const changes: readonly Change[] = [
  {
    name: 'join',
    title: 'A fifth host joins four',
    sides: (hosts) => ({ from: side(hosts.slice(0, 4)), to: side(hosts) }),
  },
  {
    name: 'leave',
    title: 'One of five hosts leaves',
    sides: (hosts) => ({ from: side(hosts), to: side(hosts.slice(0, 4)) }),
  },
  {
    name: 'reweight',
    title: 'One of four hosts gets weight 2',
    sides: (hosts) => ({
      from: side(hosts.slice(0, 4)),
      to: side([`${hosts[0]}:2`, ...hosts.slice(1, 4)]),
    }),
  },
  {
    name: 'placement',
    title: 'From modula to ketama on four hosts',
    sides: (hosts) => ({
      from: side(hosts.slice(0, 4), { distribution: 'modula' }),
      to: side(hosts.slice(0, 4), { distribution: 'ketama' }),
    }),
  },
  {
    name: 'client',
    title: 'From npm memcached’s ring to libmemcached’s on four hosts',
    sides: (hosts) => ({
      from: side(hosts.slice(0, 4), NPM_MEMCACHED),
      to: side(hosts.slice(0, 4), LIBMEMCACHED),
    }),
  },
]

/** So that eight processes on a busy machine do not eject hosts. */
const PATIENT: BehaviorsInput = { requestTimeoutMs: 10_000, connectTimeoutMs: 10_000 }

function side(servers: readonly string[], placement: BehaviorsInput = {}): Side {
  return { servers, behaviors: { ...PATIENT, ...placement } }
}
