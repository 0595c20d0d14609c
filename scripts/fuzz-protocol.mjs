// Sends random inputs to the reply parser, 1,000,000 by default:
// `node --import ./scripts/typescript.mjs scripts/fuzz-protocol.mjs [inputs] [seed]`. Each input
// is parsed whole and in random pieces: both must read the same, and throw only the typed error.
// Prints a summary; at the first difference exits with 1 and prints the seed to repeat it.
import assert from 'node:assert/strict'
import process from 'node:process'
import fc from 'fast-check'
import { cutBy, nearlyReplies } from '../test/protocol/arbitraries.ts'
import { conversation, feed } from '../test/protocol/corpus.ts'

const inputs = Number(process.argv[2] ?? 1_000_000)
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31)
const most = Buffer.byteLength(conversation, 'latin1')
const seen = { inputs: 0, replies: 0, refused: 0, slowestMs: 0, mostResidentBytes: 0 }

console.log(`seed ${seed}`)
fc.assert(
  fc.property(nearlyReplies, fc.array(fc.nat(80), { maxLength: 6 }), (bytes, sizes) => {
    const start = process.hrtime.bigint()
    const whole = feed([bytes])
    const pieces = feed(cutBy(bytes, sizes))
    const tookMs = Number(process.hrtime.bigint() - start) / 1e6
    assert.deepEqual(pieces.replies, whole.replies)
    assert.equal(pieces.error, whole.error)
    assert.equal(pieces.code, whole.code)
    if (whole.error !== undefined) assert.equal(whole.code, 'MINTRING_PROTOCOL')
    assert.ok(whole.pendingBytes <= Math.max(bytes.length, most))
    count(whole, tookMs)
  }),
  { numRuns: inputs, seed },
)
console.log(JSON.stringify(seen))

function count(outcome, tookMs) {
  seen.inputs++
  seen.replies += outcome.replies.length
  if (outcome.error !== undefined) seen.refused++
  seen.slowestMs = Math.max(seen.slowestMs, tookMs)
  if (seen.inputs % 10_000 === 0) {
    seen.mostResidentBytes = Math.max(seen.mostResidentBytes, process.memoryUsage.rss())
  }
}
