import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Key } from '../../src/ring/key.ts'
import { keysOfLines, noSkippedLines, type SkippedLines } from '../../src/simulate/remap-keys.ts'

async function read(...chunks: Uint8Array[]): Promise<{ keys: Key[]; skipped: SkippedLines }> {
  const skipped = noSkippedLines()
  const keys: Key[] = []
  async function* source(): AsyncGenerator<Uint8Array> {
    yield* chunks
  }
  for await (const key of keysOfLines(source(), skipped)) keys.push(key)
  return { keys, skipped }
}

describe('a list of keys for remap', () => {
  it('may have LF or CRLF, and may lack the last line end', async () => {
    const { keys, skipped } = await read(Buffer.from('a\r\nb\nc'))
    assert.deepEqual(keys, ['a', 'b', 'c'])
    assert.deepEqual(skipped, noSkippedLines())
  })

  it('counts lines that are no keys by reason, and drops none silently', async () => {
    const lines = [
      'good',
      '',
      'x'.repeat(250),
      'x'.repeat(251),
      'a b',
      'a\0b',
      '\u007f',
      'y'.repeat(100_000),
      'ü',
    ]
    const { keys, skipped } = await read(Buffer.from(lines.join('\n')))
    assert.deepEqual(keys, ['good', 'x'.repeat(250), 'ü'])
    assert.deepEqual(skipped, { empty: 1, tooLong: 2, unusable: 3 })
  })

  it('keeps a 250-byte key before CRLF', async () => {
    const { keys } = await read(Buffer.from(`${'x'.repeat(250)}\r\n`))
    assert.deepEqual(keys, ['x'.repeat(250)])
  })

  it('returns keys that are not UTF-8 as bytes', async () => {
    const { keys } = await read(Uint8Array.of(0xff, 0xfe, 10))
    assert.deepEqual(keys, [Uint8Array.of(0xff, 0xfe)])
  })

  it('is read the same wherever the stream is cut', async () => {
    const text = Buffer.from(`one\r\ntwo\n\nthree ${'x'.repeat(300)}\n${'z'.repeat(260)}\nlast`)
    const whole = await read(text)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(text.length), { maxLength: 6 }), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length]
        const chunks = at.slice(1).map((end, i) => text.subarray(at[i], end))
        assert.deepEqual(await read(...chunks), whole)
      }),
      { numRuns: 50 },
    )
  })

  for (const empty of ['', '\n\r\n', '\0\0\n']) {
    it(`of only ${JSON.stringify(empty)} throws an error that says so`, async () => {
      await assert.rejects(read(Buffer.from(empty)), {
        code: 'MINTRING_BAD_ARGUMENT',
        message: /no usable key/,
      })
    })
  }
})
