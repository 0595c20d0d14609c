import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as meta from '../../src/protocol/meta.ts'
import { isSince, unknownMetaFlag } from '../../src/protocol/meta-versions.ts'

const badArgument = { code: 'MINTRING_BAD_ARGUMENT' }
const badTtl = { code: 'MINTRING_BAD_TTL' }
const max = 18446744073709551615n

describe('the meta command writers', () => {
  test('write mg with every flag, those that change the item first', () => {
    assert.equal(meta.mgHead('a', {}), 'mg a\r\n')
    assert.equal(meta.mgHead('a', { v: true, f: true, c: false }), 'mg a v f\r\n')
    const asked = {
      v: true,
      f: true,
      t: true,
      c: true,
      s: true,
      h: true,
      l: true,
      u: true,
    } as const
    assert.equal(
      meta.mgHead('a', { ...asked, N: 30, T: 60, R: 10, C: 5n, E: max, k: true, b: true, q: true }),
      `mg a N30 T60 R10 C5 E${max} v f t c s h l u k b q\r\n`,
    )
    assert.equal(meta.mgHead('a', { O: 'x1', P: 'p', L: '/l/' }), 'mg a Ox1 Pp L/l/\r\n')
  })
  test('write ms with every flag', () => {
    assert.equal(meta.msHead('a', 5), 'ms a 5\r\n')
    const flags = { F: 7, T: 60, M: 'A', C: max, E: 8, I: true, N: 30, c: true, s: true } as const
    assert.equal(
      meta.msHead('a', 0, { ...flags, q: true, k: true }),
      `ms a 0 F7 T60 MA C${max} E8 I N30 c s k q\r\n`,
    )
  })
  test('write md with every flag', () => {
    assert.equal(meta.mdHead('a'), 'md a\r\n')
    assert.equal(
      meta.mdHead('a', { C: 1n, E: 2n, I: true, T: 30, x: true, q: true }),
      'md a C1 E2 I T30 x q\r\n',
    )
  })
  test('write ma with every flag', () => {
    assert.equal(meta.maHead('a'), 'ma a\r\n')
    const asked = { v: true, t: true, c: true, k: true } as const
    assert.equal(
      meta.maHead('a', { ...asked, N: 0, J: max, D: 2, T: 9, M: 'D', C: 3, E: 4 }),
      `ma a N0 J${max} D2 T9 MD C3 E4 v t c k\r\n`,
    )
  })
  test('write mn and me', () => {
    assert.equal(meta.mnHead(), 'mn\r\n')
    assert.equal(meta.meHead('a'), 'me a\r\n')
    assert.equal(meta.meHead('YQ==', { b: true }), 'me YQ== b b\r\n')
  })
})

describe('the meta command writers, for invalid arguments', () => {
  test('refuse values that are no valid numbers', () => {
    for (const wrong of [-1, 0.5, Number.NaN, 2 ** 53, '1' as unknown as number]) {
      assert.throws(() => meta.mgHead('a', { C: wrong }), badArgument)
      assert.throws(() => meta.msHead('a', wrong), badArgument)
      assert.throws(() => meta.msHead('a', 1, { F: wrong }), badArgument)
      assert.throws(() => meta.mdHead('a', { E: wrong }), badArgument)
      assert.throws(() => meta.maHead('a', { D: wrong }), badArgument)
      assert.throws(() => meta.maHead('a', { J: wrong }), badArgument)
    }
    assert.throws(() => meta.maHead('a', { D: 2n ** 64n }), badArgument)
    assert.throws(() => meta.msHead('a', 1, { F: 2 ** 32 }), badArgument)
  })
  test('refuse invalid exptimes', () => {
    for (const wrong of [-2, 1.5, Number.NaN, 2 ** 31]) {
      for (const flag of ['N', 'R', 'T']) {
        assert.throws(() => meta.mgHead('a', { [flag]: wrong }), badTtl)
      }
      assert.throws(() => meta.msHead('a', 1, { T: wrong }), badTtl)
      assert.throws(() => meta.mdHead('a', { T: wrong }), badTtl)
      assert.throws(() => meta.maHead('a', { N: wrong }), badTtl)
    }
  })
  test('refuse an opaque that is over 31 bytes or more than one word', () => {
    assert.equal(meta.mgHead('a', { O: 'o'.repeat(31) }), `mg a O${'o'.repeat(31)}\r\n`)
    for (const wrong of ['', 'o'.repeat(32), 'a b', 'a\r\nflush_all', 'é']) {
      assert.throws(() => meta.mgHead('a', { O: wrong }), badArgument)
      assert.throws(() => meta.msHead('a', 1, { O: wrong }), badArgument)
    }
    assert.throws(() => meta.mgHead('a', { P: 'a b' }), badArgument)
    assert.throws(() => meta.mgHead('a', { L: 'a\n' }), badArgument)
  })
  test('refuse unknown modes', () => {
    assert.throws(() => meta.msHead('a', 1, { M: 'X' as 'S' }), badArgument)
    assert.throws(() => meta.msHead('a', 1, { M: 'SE' as 'S' }), badArgument)
    assert.throws(() => meta.maHead('a', { M: '' as 'I' }), badArgument)
  })
})

describe('the abilities of a server version', () => {
  test('compare versions by their numbers', () => {
    assert.equal(isSince('1.6.10', '1.6.10'), true)
    assert.equal(isSince('1.6.9', '1.6.10'), false)
    assert.equal(isSince('1.6.45-rc1', '1.6.27'), true)
    assert.equal(isSince('1.10', '1.6.27'), true)
    assert.equal(isSince('1.6', '1.6.1'), false)
    assert.equal(isSince('nonsense', '1.6.10'), false)
  })
  test('refuse flags that are newer than the server, and name their version', () => {
    assert.deepEqual(unknownMetaFlag('md', { I: true, x: true }, '1.6.18'), {
      flag: 'x',
      since: '1.6.27',
    })
    assert.equal(unknownMetaFlag('md', { I: true, x: true }, '1.6.27'), undefined)
    assert.equal(unknownMetaFlag('md', { I: true, x: false, E: undefined }, '1.6.18'), undefined)
    assert.equal(unknownMetaFlag('mg', { C: 1n }, '1.6.39')?.since, '1.6.40')
    assert.equal(unknownMetaFlag('ms', { s: true }, '1.6.19')?.since, '1.6.20')
  })
})
