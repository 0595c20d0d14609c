import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ReplyWriter } from '../../src/protocol/respond.ts'

function textOf(parts: readonly Buffer[]): string {
  return Buffer.concat(parts).toString('latin1')
}

describe('ReplyWriter', () => {
  test('collects small replies in one buffer', () => {
    const writer = new ReplyWriter()
    assert.equal(writer.pending, false)
    writer.line('STORED')
    writer.value('k\xe9', 5, Buffer.from('hello'), 7n)
    writer.value('a', 0, Buffer.alloc(0))
    writer.config('cluster', Buffer.from('1\nx\n'))
    assert.equal(writer.pending, true)
    const parts = writer.take()
    assert.equal(parts.length, 1)
    assert.equal(
      textOf(parts),
      'STORED\r\nVALUE k\xe9 5 5 7\r\nhello\r\nVALUE a 0 0\r\n\r\n'.concat(
        'CONFIG cluster 0 4\r\n1\nx\n\r\nEND\r\n',
      ),
    )
    assert.equal(writer.pending, false)
  })

  test('passes large values on by reference', () => {
    const writer = new ReplyWriter()
    const value = Buffer.alloc(100_000, 'v')
    writer.value('a', 0, value)
    const parts = writer.take()
    assert.ok(parts.includes(value))
    assert.equal(textOf(parts), `VALUE a 0 100000\r\n${value}\r\n`)
  })

  test('does not change the buffers that take() has returned', () => {
    const writer = new ReplyWriter()
    const taken: { readonly parts: Buffer[]; readonly text: string }[] = []
    for (let round = 0; round < 50; round++) {
      const text = String(round).repeat(round * 40)
      writer.line(text)
      taken.push({ parts: writer.take(), text: `${text}\r\n` })
    }
    for (const { parts, text } of taken) assert.equal(textOf(parts), text)
  })

  test('discards everything written since settle()', () => {
    const writer = new ReplyWriter()
    writer.line('one')
    writer.settle()
    assert.equal(writer.unsettled, false)
    writer.line('two')
    assert.equal(writer.unsettled, true)
    writer.discard()
    writer.line('three')
    assert.equal(textOf(writer.take()), 'one\r\nthree\r\n')
    writer.line('four')
    writer.discard()
    assert.equal(writer.pending, false)
  })

  test('returns the same bytes as a plain string, for any sequence of writes, settles and discards', () => {
    const step = fc.oneof(
      fc.record({ line: fc.string({ unit: 'binary-ascii', maxLength: 60 }) }),
      fc.record({ bytes: fc.constantFrom(0, 5, 4_000, 8_191, 8_192, 20_000, 70_000) }),
      fc.constantFrom('settle', 'discard', 'take'),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const writer = new ReplyWriter()
        let expected = ''
        let settled = 0
        for (const one of steps) {
          if (one === 'settle') {
            writer.settle()
            settled = expected.length
          } else if (one === 'discard') {
            writer.discard()
            expected = expected.slice(0, settled)
          } else if (one === 'take') {
            assert.equal(textOf(writer.take()), expected)
            expected = ''
            settled = 0
          } else if (typeof one === 'object' && 'line' in one) {
            writer.line(one.line)
            expected += `${one.line}\r\n`
          } else if (typeof one === 'object') {
            writer.data(Buffer.alloc(one.bytes, 'v'))
            expected += `${'v'.repeat(one.bytes)}\r\n`
          }
          assert.equal(writer.unsettled, expected.length > settled)
        }
        assert.equal(textOf(writer.take()), expected)
      }),
      { numRuns: 500 },
    )
  })
})
