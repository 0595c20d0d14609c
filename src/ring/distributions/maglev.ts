import { MintringError } from '../../errors.ts'
import { mix } from '../hashes/murmur3.ts'
import { xxh32 } from '../hashes/xxh32.ts'
import { overBytes } from '../key.ts'
import { type Distribution, hashed, type Member } from '../placement.ts'
import { RingSlots } from '../slots.ts'

const TABLE_SIZE = 65_537
const hashLabel = overBytes(xxh32)

/** The order in which a server claims slots: from `next` on, every `step`-th, modulo the size. */
interface Preference {
  readonly member: Member
  /** Slots that the server claims per round; the server of the largest weight claims 1. */
  readonly pace: number
  readonly step: number
  next: number
  due: number
}

/**
 * Maglev (Eisenbud and others, NSDI 2016, §3.4). The servers take turns; each claims the next free
 * slot of its own permutation of a prime number of slots. Keys are split evenly and a lookup is one
 * table read, but a leaving server moves a few more keys than on a ring. A weight sets how many
 * turns a server gets.
 */
export const maglev: Distribution = {
  hash: 'xxh32',
  weights: 'fractional',
  place: (input) => {
    const size = input.options.tableSize ?? TABLE_SIZE
    if (size < input.members.length) {
      const why = `tableSize ${size} is smaller than the number of servers, ${input.members.length}`
      throw new MintringError('MINTRING_BAD_BEHAVIOR', `Bad ring option: ${why}`)
    }
    return hashed(input, new RingSlots(populate(input.members, size)))
  },
}

function populate(members: readonly Member[], size: number): Uint32Array {
  const heaviest = members.reduce((most, member) => Math.max(most, member.weight), 0)
  // Sorted by label, so that the result does not depend on the order of the list.
  const preferences = [...members]
    .sort((a, b) => (a.label < b.label ? -1 : 1))
    .map((member) => preferenceOf(member, heaviest, size))
  const owners = new Uint32Array(size)
  const taken = new Uint8Array(size)
  for (let filled = 0; filled < size; ) {
    for (const preference of preferences) {
      preference.due += preference.pace
      if (preference.due < 1) continue
      preference.due -= 1
      while (taken[preference.next]) preference.next = (preference.next + preference.step) % size
      taken[preference.next] = 1
      owners[preference.next] = preference.member.index
      filled++
      if (filled === size) break
    }
  }
  return owners
}

function preferenceOf(member: Member, heaviest: number, size: number): Preference {
  const hash = hashLabel(member.label) >>> 0
  const step = (mix(hash ^ 0x5bd1e995) % (size - 1)) + 1
  return { member, pace: member.weight / heaviest, step, next: hash % size, due: 0 }
}
