import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { onBothServers } from './both-servers.ts'

onBothServers((pair) => {
  it('setMany stores values of all kinds and sizes in one call', async () => {
    const values = new Map<string, unknown>([
      ['big', Buffer.alloc(200_000, 7)],
      ['text', 'x'],
      ['wide', 'é'.repeat(5000)],
      ['json', { a: [1] }],
      ['clé', null],
    ])
    assert.deepEqual(
      [...(await pair.cache.setMany(values)).values()],
      [true, true, true, true, true],
    )
    assert.deepEqual(await pair.cache.getMany(values.keys()), values)
  })

  it('get returns every type of value as it was stored', async () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary-ascii' }),
      fc.uint8Array({ maxLength: 5000 }).map((bytes) => Buffer.from(bytes)),
      fc.double(),
      fc.bigInt(),
      fc.boolean(),
      fc.constant(null),
      fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown),
      fc.constantFrom('\r\n', 'END\r\n', 'VALUE k 0 1\r\nx\r\nEND\r\n', '\0'),
    )
    const property = fc.asyncProperty(fc.array(anything, { maxLength: 20 }), async (values) => {
      const entries = values.map((value, i) => [`any${i}`, value] as const)
      await pair.cache.setMany(entries)
      const found = await pair.cache.getMany(entries.map(([key]) => key))
      for (const [key, value] of entries) assert.deepEqual(found.get(key), value)
      for (const [key, value] of entries.slice(0, 3)) {
        await pair.cache.set(key, value)
        assert.deepEqual(await pair.cache.get(key), value)
      }
    })
    await fc.assert(property, { numRuns: 100 })
  })

  it('get decompresses values that set compressed', async () => {
    pair.cache.configure({ compressAboveBytes: 1000 })
    const value = { text: 'compress me '.repeat(10_000) }
    await pair.cache.set('packed', value)
    await pair.cache.setMany({ packedToo: value })
    const [packed] = await pair.cache.raw('packed', 'get', 'packed')
    assert.ok(packed!.data!.length < 5000)
    assert.deepEqual(await pair.cache.get('packed'), value)
    assert.deepEqual((await pair.cache.gets('packed'))?.value, value)
    assert.deepEqual((await pair.cache.getMany(['packedToo'])).get('packedToo'), value)
    pair.cache.configure({ compressAboveBytes: undefined })
  })

  it('set refuses a value over the item size, for which the server would delete the old one', async () => {
    await pair.cache.set('limit', 'old')
    const size = 1_048_576
    await assert.rejects(pair.cache.set('limit', Buffer.alloc(size)), {
      code: 'MINTRING_TOO_LARGE',
    })
    const many = await pair.cache.setMany({ limit: Buffer.alloc(size), other: 1 })
    assert.deepEqual([...many], [['other', true]])
    assert.equal(many.failed.get('limit')?.code, 'MINTRING_TOO_LARGE')
    assert.equal(await pair.cache.get('limit'), 'old')
  })

  it('set stores the largest value that the limit allows', async () => {
    const largest = 1_048_576 - 'limit'.length - 80
    assert.equal(await pair.cache.set('limit', Buffer.alloc(largest, 1)), true)
    assert.deepEqual(await pair.cache.get('limit'), Buffer.alloc(largest, 1))
  })

  it('set splits values over the item size, and get returns them whole or not at all', async () => {
    pair.cache.configure({ largeValues: 'split' })
    const value = Buffer.alloc(3_500_000)
    for (let i = 0; i < value.length; i += 997) value[i] = i % 251
    assert.equal(await pair.cache.set('huge', value, { ttl: 100 }), true)
    assert.deepEqual(await pair.cache.get('huge'), value)
    assert.deepEqual((await pair.cache.getMany(['huge'])).get('huge'), value)
    await pair.cache.setMany({ huge2: 'y'.repeat(2_000_000) })
    assert.equal(await pair.cache.get('huge2'), 'y'.repeat(2_000_000))
    pair.cache.configure({ largeValues: 'reject' })
    assert.deepEqual(await pair.cache.get('huge'), value, 'reading needs no setting')
    const [manifest] = await pair.cache.raw('huge', 'get', 'huge')
    const [base] = manifest?.data?.toString().split(' ') ?? []
    assert.equal(await pair.cache.delete(`${base}~1`), true)
    assert.equal(await pair.cache.get('huge'), undefined)
    assert.equal((await pair.cache.getMany(['huge'])).size, 0)
  })
})
