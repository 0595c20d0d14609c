import { murmur3x32 } from '../hashes/murmur3.ts'
import type { Key } from '../key.ts'
import { hostPortLabel } from '../labels.ts'
import { type Distribution, hashed, type Live, type Member, type Table } from '../placement.ts'

const NO_POINTS: Uint32Array = new Uint32Array(0)

/**
 * Python's pymemcache `HashClient` (rendezvous.py). The score of a node is the murmur3 of
 * `node-key`; the highest score wins. pymemcache places a `str` and the same key as `bytes`
 * differently, because Python writes bytes as `b'…'`. A string here is its `str`, a Uint8Array its
 * `bytes`. A lookup computes one score per server, so its cost grows with the number of servers.
 */
export const pymemcache: Distribution = {
  hash: 'murmur3_32',
  weights: 'ignored',
  label: hostPortLabel,
  place: (input) => hashed(input, new Scores(input.members)),
}

class Scores implements Table {
  readonly #members: readonly Member[]
  readonly #nodes: readonly string[]

  constructor(members: readonly Member[]) {
    this.#members = members
    this.#nodes = members.map((member) => hostPortLabel(member))
  }

  ownerOf(hash: number, key: Key): number {
    return this.liveOwnerOf(hash, undefined, key)
  }

  liveOwnerOf(_hash: number, live: Live | undefined, key: Key): number {
    const text = pythonText(key)
    let best = -1
    let bestScore = -1
    let bestNode = ''
    for (let rank = 0; rank < this.#nodes.length; rank++) {
      const index = this.#members[rank]!.index
      if (live !== undefined && !live[index]) continue
      const node = this.#nodes[rank]!
      const score = scoreOf(`${node}-${text}`)
      if (score > bestScore || (score === bestScore && node > bestNode)) {
        best = index
        bestScore = score
        bestNode = node
      }
    }
    return best
  }

  pointOf(): undefined {
    return undefined
  }

  get points(): Uint32Array {
    return NO_POINTS
  }

  addShares(shares: Float64Array): void {
    for (const member of this.#members) shares[member.index] = 1 / this.#members.length
  }
}

/** pymemcache hashes only the low eight bits of each character. */
function scoreOf(text: string): number {
  const bytes = Uint8Array.from(text, (character) => character.codePointAt(0)! & 0xff)
  return murmur3x32(bytes, bytes.length) >>> 0
}

function pythonText(key: Key): string {
  return typeof key === 'string' ? key : pythonBytes(key)
}

/** Formats bytes as Python's `repr` does. */
function pythonBytes(bytes: Uint8Array): string {
  const quote = bytes.includes(0x27) && !bytes.includes(0x22) ? '"' : "'"
  let text = ''
  for (const byte of bytes) text += pythonByte(byte, quote)
  return `b${quote}${text}${quote}`
}

function pythonByte(byte: number, quote: string): string {
  const character = String.fromCharCode(byte)
  if (character === quote || character === '\\') return `\\${character}`
  if (byte === 9) return '\\t'
  if (byte === 10) return '\\n'
  if (byte === 13) return '\\r'
  if (byte >= 0x20 && byte < 0x7f) return character
  return `\\x${byte.toString(16).padStart(2, '0')}`
}
