import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ReplyParser } from '../../src/protocol/reply-parser.ts'
import { cutBy, nearlyReplies, replyTexts } from './arbitraries.ts'
import { conversation, feed, type Outcome } from './corpus.ts'

const bytes = Buffer.from(conversation, 'latin1')
const whole = feed([bytes])

/** Yields every way to cut `all` into two or three chunks. */
function* everySplit(all: Buffer): Generator<Buffer[]> {
  for (let a = 0; a <= all.length; a++) {
    for (let b = a; b <= all.length; b++) {
      yield [all.subarray(0, a), all.subarray(a, b), all.subarray(b)]
    }
  }
}

describe('ReplyParser reads the same replies however the bytes are cut', () => {
  test('the corpus has every kind of reply', () => {
    assert.equal(whole.error, undefined)
    assert.equal(whole.pendingBytes, 0)
    assert.equal(whole.replies.length, 54)
    assert.equal(new Set(whole.replies.map((reply) => reply.kind)).size, 26)
  })
  test('one byte at a time', () => {
    assert.deepEqual(feed(Array.from(bytes, (byte) => Buffer.of(byte))), whole)
  })
  test('in two pieces, cut at every byte', () => {
    for (let at = 0; at <= bytes.length; at++) {
      assert.deepEqual(feed([bytes.subarray(0, at), bytes.subarray(at)]), whole)
    }
  })
  test('in three pieces, cut at every pair of bytes of any four consecutive replies', () => {
    let splits = 0
    const texts = replyTexts()
    for (let i = 4; i <= texts.length; i++) {
      const all = Buffer.from(texts.slice(i - 4, i).join(''), 'latin1')
      const expected = JSON.stringify(feed([all]), plain)
      for (const chunks of everySplit(all)) {
        splits++
        const heard = JSON.stringify(feed(chunks), plain)
        if (heard !== expected) assert.equal(heard, expected)
      }
    }
    assert.ok(splits > 100_000, `${splits} splits`)
  })
  test('malformed bytes cause the same error at the same position', () => {
    const limits = { maxLineBytes: 40, maxValueBytes: 100 }
    for (const text of [
      'STORED\r\nNOPE\r\n',
      'VALUE a 0 3\r\nabcd\r\n',
      'VALUE a 0 3\r\nabc\rX\n',
      'VA 101\r\n',
      `STAT ${'x'.repeat(40)}\r\n`,
      'END\nEND\r\n',
      'HD t99x\r\n',
    ]) {
      const all = Buffer.from(text, 'latin1')
      const expected = feed([all], limits)
      assert.notEqual(expected.error, undefined)
      for (const chunks of everySplit(all)) assert.deepEqual(feed(chunks, limits), expected)
    }
  })
})

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

describe('ReplyParser, for random bytes', () => {
  test('throws only its typed error, and reads the same however they are cut', () => {
    fc.assert(
      fc.property(nearlyReplies, fc.array(fc.nat(80), { maxLength: 6 }), (all, sizes) => {
        const chunks = cutBy(all, sizes)
        const { error, code } = feed([all])
        assert.equal(code, error === undefined ? undefined : 'MINTRING_PROTOCOL')
        assert.deepEqual(withoutPending(feed(chunks)), withoutPending(feed([all])))
      }),
      { numRuns: 3000 },
    )
  })
  test('returns a value of any bytes unchanged', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: 1, max: 50 }),
        (value, size) => {
          const head = Buffer.from(`VALUE key 0 ${value.length}\r\n`)
          const all = Buffer.concat([head, value, Buffer.from('\r\nEND\r\n')])
          const chunks: Buffer[] = []
          for (let at = 0; at < all.length; at += size) chunks.push(all.subarray(at, at + size))
          const { replies, error } = feed(chunks)
          assert.equal(error, undefined)
          assert.equal(replies.length, 2)
          assert.equal(replies[0]!.value, Buffer.from(value).toString('latin1'))
        },
      ),
      { numRuns: 500 },
    )
  })
})

test('values whose sizes are around the limits of buffer sharing are read unchanged', () => {
  for (const size of [4095, 4097, 65_535, 65_536, 65_537, 1_048_577, 2_500_000]) {
    const value = Buffer.alloc(size, `${size};`)
    const head = `VALUE k 0 ${size}\r\n`
    const all = Buffer.concat([Buffer.from(head), value, Buffer.from(`\r\n${head}`), value])
    const stream = Buffer.concat([all, Buffer.from('\r\nEND\r\n')])
    for (const chunkBytes of [1460, 65_536, 1_000_003, stream.length]) {
      const heard: boolean[] = []
      const parser = new ReplyParser((reply) => {
        heard.push(reply.size === 0 || reply.valueBuffer().equals(value))
      })
      for (let at = 0; at < stream.length; at += chunkBytes) {
        parser.push(stream.subarray(at, at + chunkBytes))
      }
      assert.deepEqual(heard, [true, true, true])
    }
  }
})

/** Omits `pendingBytes`: how the bytes were cut decides when the parser refuses malformed ones. */
function withoutPending(outcome: Outcome): Omit<Outcome, 'pendingBytes'> {
  return { replies: outcome.replies, error: outcome.error, code: outcome.code }
}

test('a 16 MB value in chunks of one byte takes time linear in its bytes', () => {
  const cost = (length: number): bigint => {
    let got = 0
    const parser = new ReplyParser((reply) => {
      got = reply.data.length
    })
    parser.push(Buffer.from(`VALUE a 0 ${length}\r\n`))
    const one = Buffer.of(0x61)
    const start = process.hrtime.bigint()
    for (let i = 0; i < length; i++) parser.push(one)
    const spent = process.hrtime.bigint() - start
    parser.push(Buffer.from('\r\n'))
    assert.equal(got, length)
    return spent
  }
  cost(1024 * 1024)
  const small = cost(2 * 1024 * 1024)
  const large = cost(16 * 1024 * 1024)
  assert.ok(large < small * 32n, `8 times the bytes took ${large / small} times as long`)
})
