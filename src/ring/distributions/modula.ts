import { twemproxyLabel } from '../labels.ts'
import { type Distribution, hashed } from '../placement.ts'
import { equalSlots, RingSlots, weightedSlots } from '../slots.ts'

/**
 * libmemcached's default, MODULA: `hash % servers`, in the order listed, weights ignored. With
 * `weighted: true` it has weighted slots, and with `serverOrder: 'name'` too it is twemproxy's.
 */
export const modula: Distribution = {
  hash: 'one_at_a_time',
  weights: 'ignored',
  place: (input) => {
    const slots = input.options.weighted === true ? weightedSlots : equalSlots
    return hashed(input, new RingSlots(slots(input.members)))
  },
}

/**
 * `hash % total weight`, each server having as many slots in a row as its weight
 * (Cache::Memcached).
 */
export const modulaWeighted: Distribution = {
  hash: 'crc32',
  weights: 'whole',
  place: (input) => hashed(input, new RingSlots(weightedSlots(input.members))),
}

/** twemproxy's `modula` (nc_modula.c): weighted slots over servers in the order of its names. */
export const twemproxyModula: Distribution = {
  hash: 'fnv1a_64',
  weights: 'whole',
  order: 'name',
  label: twemproxyLabel,
  place: (input) => hashed(input, new RingSlots(weightedSlots(input.members))),
}

/** memjs: the absolute value of Java's string hash, modulo the number of servers. */
export const memjs: Distribution = {
  hash: 'java-hashCode',
  weights: 'ignored',
  place: (input) => hashed(input, new RingSlots(equalSlots(input.members))),
}
