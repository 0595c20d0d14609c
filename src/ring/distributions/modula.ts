import { twemproxyLabel } from '../labels.ts'
import { type Distribution, hashed } from '../placement.ts'
import { equalSlots, RingSlots, weightedSlots } from '../slots.ts'

/**
 * libmemcached's default, MODULA: `hash % servers`, in the order listed; ignores weights. With
 * `weighted: true` a server gets as many slots as its weight. With `serverOrder: 'name'` too, it
 * places like twemproxy's `modula`.
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
 * Perl's Cache::Memcached: `hash % total weight`. Each server has as many consecutive slots as its
 * weight.
 */
export const modulaWeighted: Distribution = {
  hash: 'crc32',
  weights: 'whole',
  place: (input) => hashed(input, new RingSlots(weightedSlots(input.members))),
}

/** twemproxy's `modula` (nc_modula.c): weighted slots, with servers sorted by name. */
export const twemproxyModula: Distribution = {
  hash: 'fnv1a_64',
  weights: 'whole',
  order: 'name',
  label: twemproxyLabel,
  place: (input) => hashed(input, new RingSlots(weightedSlots(input.members))),
}

/** npm's memjs: the absolute value of Java's string hash, modulo the number of servers. */
export const memjs: Distribution = {
  hash: 'java-hashCode',
  weights: 'ignored',
  place: (input) => hashed(input, new RingSlots(equalSlots(input.members))),
}
