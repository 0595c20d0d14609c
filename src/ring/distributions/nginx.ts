import { Continuum } from '../continuum.ts'
import { crc32, crc32Continue } from '../hashes/crc32.ts'
import { hashedBytes, overBytes, prefixed } from '../key.ts'
import { addressLabel } from '../labels.ts'
import { type Distribution, hashed, type Member, type Walk } from '../placement.ts'
import { firstLiveAfter, RingSlots, weightedSlots } from '../slots.ts'

const POINTS_PER_WEIGHT = 160
const TRIES = 20
const hashText = overBytes(crc32)

/**
 * Writes the points of a server as nginx (`ngx_http_upstream_hash_module.c`) and
 * Cache::Memcached::Fast (`dispatch_key.c`) do: each point is the CRC-32 of the label and the point
 * before.
 */
export function fillCrcChain(
  member: Member,
  bracket: boolean,
  out: Uint32Array,
  from: number,
  count: number,
): void {
  const ipv6 = bracket && member.host.includes(':') && member.path === undefined
  const host = ipv6 ? `[${member.host}]` : member.host
  const port = member.path === undefined ? String(member.port) : ''
  const label = hashedBytes(`${host}\0${port}`)
  const base = crc32Continue(0, label, label.length)
  const previous = new Uint8Array(4)
  const view = new DataView(previous.buffer)
  for (let i = from; i < from + count; i++) {
    out[i] = crc32Continue(base, previous, 4)
    view.setUint32(0, out[i]!, true)
  }
}

/**
 * nginx's `hash $key consistent`, and Cache::Memcached::Fast with `ketama_points => 160`. Labels
 * contain the port even if it is 11211. As in nginx, the keys of a dead server go to the next
 * points. nginx changes to round robin after 20 points; this ring tries all.
 */
export const nginx: Distribution = {
  hash: 'crc32a',
  hashAliases: { crc32: 'crc32a' },
  weights: 'whole',
  label: addressLabel,
  place: (input) => {
    const continuum = new Continuum(input.members, {
      count: (member) => POINTS_PER_WEIGHT * member.weight,
      fill: (member, count, out, offset) => fillCrcChain(member, true, out, offset, count),
    })
    return hashed(input, continuum)
  },
}

/**
 * nginx adds the hash of the try number and the key, for 20 tries. Then nginx uses round robin;
 * this placement takes the next live slot.
 */
function rehash(slots: Uint32Array): Walk {
  return (key, hash, table, live) => {
    let sum = hash
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      sum += hashText(prefixed(String(attempt), key))
      const owner = table.ownerOf(sum, key)
      if (live[owner]) return owner
    }
    return firstLiveAfter(slots, sum, live)
  }
}

/** nginx's plain `hash $key`: the placement of Cache::Memcached, with nginx's own failover. */
export const nginxHash: Distribution = {
  hash: 'crc32',
  weights: 'whole',
  place: (input) => {
    const slots = weightedSlots(input.members)
    return hashed(input, new RingSlots(slots), rehash(slots))
  },
}
