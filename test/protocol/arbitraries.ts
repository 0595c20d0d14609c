import fc from 'fast-check'
import { conversation, parse } from './corpus.ts'

/** Returns the bytes of each reply of the sample conversation in corpus.ts, as latin1 text. */
export function replyTexts(): string[] {
  return parse(conversation).replies.map((reply) => {
    const value = reply.value.length > 0 || /^(VALUE|VA|CONFIG) /.test(reply.text)
    const bare = /^(key|ts|skipped)=/.test(reply.text)
    return `${reply.text}${bare ? '\n' : '\r\n'}${value ? `${reply.value}\r\n` : ''}`
  })
}

const tokens = [
  ...['VALUE ', 'VA ', 'HD ', 'EN', 'STAT ', 'a ', '0 ', '3', ' c', ' t-1', ' W', ' ', '\r\n'],
  ...['\r', '\n', '-1', 'NaN', '9007199254740992', '4294967296', '18446744073709551616', '1e3'],
]

/** Bytes that are nearly replies: whole ones, pieces, numbers at their limits, and noise. */
export const nearlyReplies: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...replyTexts()) },
      { weight: 3, arbitrary: fc.constantFrom(...tokens) },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
    ),
    { maxLength: 8 },
  )
  .map((pieces) => Buffer.from(pieces.join(''), 'latin1'))

/** `bytes` cut into chunks of the given sizes, the rest in one. */
export function cutBy(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  let at = 0
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  chunks.push(bytes.subarray(at))
  return chunks
}
