import assert from 'node:assert/strict'
import { it } from 'node:test'
import { secondsLeft } from '../support/seconds-left.ts'
import { onBothServers } from './both-servers.ts'

const MAX_UINT64 = 2n ** 64n - 1n

onBothServers((pair) => {
  it('set and get: a stored value is returned, and a miss is undefined', async () => {
    assert.equal(await pair.cache.set('a', { x: 1 }), true)
    assert.deepEqual(await pair.cache.get('a'), { x: 1 })
    assert.equal(await pair.cache.get('nobody'), undefined)
  })

  it('set and get accept keys of 250 bytes and of any script', async () => {
    for (const key of ['k'.repeat(250), 'é'.repeat(125), '鍵🔑']) {
      await pair.cache.set(key, key)
      assert.equal(await pair.cache.get(key), key)
      assert.deepEqual(await pair.cache.getMany([key]), new Map([[key, key]]))
      assert.equal((await pair.cache.gets(key))?.value, key)
    }
  })

  it('several gets() calls in one event loop turn each return their own value', async () => {
    await pair.cache.setMany({ t1: 1, t2: 2, t3: 3 })
    const keys = ['t3', 'none', 't1', 't3', 't2', 'none']
    const values = await Promise.all(keys.map((key) => pair.cache.get(key)))
    assert.deepEqual(values, [3, undefined, 1, 3, 2, undefined])
  })

  it('callers who get one key in one event loop turn each receive their own buffer', async () => {
    for (const size of [10, 5000, 900_000]) {
      await pair.cache.set('shared', Buffer.alloc(size, 1))
      const got = await Promise.all([1, 2].map(() => pair.cache.get<Buffer>('shared')))
      got[0]?.fill(2)
      assert.deepEqual(got[1], Buffer.alloc(size, 1))
    }
  })

  it('commands of one event loop turn run in the order of their calls', async () => {
    const answers = [
      pair.cache.set('o', 1),
      pair.cache.get('o'),
      pair.cache.set('o', 2),
      pair.cache.get('o'),
    ]
    assert.deepEqual(await Promise.all(answers), [true, 1, true, 2])
  })

  it('add stores only when the key is absent, and replace only when it is present', async () => {
    await pair.cache.delete('new')
    assert.equal(await pair.cache.replace('new', 0), false)
    assert.equal(await pair.cache.add('new', 1), true)
    assert.equal(await pair.cache.add('new', 2), false)
    assert.equal(await pair.cache.replace('new', 3), true)
    assert.equal(await pair.cache.get('new'), 3)
  })

  it('append and prepend accept text and bytes', async () => {
    assert.equal(await pair.cache.append('nothing', 'x'), false)
    assert.equal(await pair.cache.prepend('nothing', 'x'), false)
    await pair.cache.set('text', 'b')
    assert.equal(await pair.cache.append('text', 'ç'), true)
    assert.equal(await pair.cache.prepend('text', Buffer.from('a')), true)
    assert.equal(await pair.cache.get('text'), 'abç')
  })

  it('cas() stores only if the item has not changed since gets()', async () => {
    await pair.cache.set('swap', 'one')
    const entry = await pair.cache.gets<string>('swap')
    assert.equal(entry?.value, 'one')
    assert.equal(entry?.flags, 1)
    assert.equal(await pair.cache.cas('swap', 'two', entry.cas), 'stored')
    assert.equal(await pair.cache.cas('swap', 'three', entry.cas), 'exists')
    assert.equal(await pair.cache.cas('nothing', 'x', entry.cas), 'not_found')
    assert.equal(await pair.cache.get('swap'), 'two')
    assert.equal(await pair.cache.gets('nothing'), undefined)
  })

  it('cas() accepts a CAS id of 2^64-1', async () => {
    await pair.cache.set('swap', 'one')
    assert.equal(await pair.cache.cas('swap', 'two', MAX_UINT64), 'exists')
    assert.equal(await pair.cache.cas('swap', 'two', MAX_UINT64 - 1n), 'exists')
  })

  it('touch sets a new ttl, and getAndTouch also returns the value', async () => {
    await pair.cache.set('life', 'v', { ttl: 10 })
    const ttl = () => secondsLeft(pair.cache, 'life')
    assert.ok(((await ttl()) ?? 0) <= 10)
    assert.equal(await pair.cache.touch('life', 100), true)
    assert.ok(((await ttl()) ?? 0) > 90)
    assert.equal(await pair.cache.touch('nothing', 1), false)
    if (!pair.can.gat) {
      const refusal = { code: 'MINTRING_UNSUPPORTED', message: /use get\(\) and touch\(\)/ }
      await assert.rejects(pair.cache.gat('life', '1h'), refusal)
      await assert.rejects(pair.cache.gats('life', '1h'), refusal)
      return
    }
    assert.equal(await pair.cache.gat('life', '1h'), 'v')
    assert.ok(((await ttl()) ?? 0) > 3590)
    assert.equal((await pair.cache.gats('life', 0))?.value, 'v')
    assert.equal(await ttl(), -1)
    assert.equal(await pair.cache.gat('nothing', 1), undefined)
  })

  it('set keeps a value for a ttl of 31 days', async () => {
    await pair.cache.set('month', 'v', { ttl: '31d' })
    const ttl = (await secondsLeft(pair.cache, 'month')) ?? 0
    assert.ok(ttl > 31 * 86_400 - 5 && ttl <= 31 * 86_400 + 1, String(ttl))
  })

  it('delete removes a value', async () => {
    await pair.cache.set('gone', 1)
    assert.equal(await pair.cache.delete('gone'), true)
    assert.equal(await pair.cache.delete('gone'), false)
  })

  it('incr and decr count exactly to 2^64-1; incr wraps there and decr stops at 0', async () => {
    await pair.cache.set('n', MAX_UINT64 - 2n)
    assert.equal(await pair.cache.incr('n'), MAX_UINT64 - 1n)
    assert.equal(await pair.cache.incr('n', 1n), MAX_UINT64)
    assert.equal(await pair.cache.get('n'), MAX_UINT64)
    assert.equal(await pair.cache.incr('n'), 0n)
    await pair.cache.set('n', 5)
    assert.equal(await pair.cache.decr('n', 2), 3n)
    assert.equal(await pair.cache.get('n'), 3)
    assert.equal(await pair.cache.decr('n', MAX_UINT64), 0n)
    assert.equal(await pair.cache.incr('nothing'), undefined)
  })

  it('incr creates an absent counter when it is given an initial value', async () => {
    for (const protocol of pair.can.meta ? (['meta', 'classic'] as const) : (['auto'] as const)) {
      pair.cache.configure({ protocol })
      await pair.cache.delete('start')
      const initial = { initial: MAX_UINT64 - 1n, ttl: 100 }
      assert.equal(await pair.cache.incr('start', 1, initial), MAX_UINT64 - 1n)
      assert.equal(await pair.cache.incr('start', 1, initial), MAX_UINT64)
      assert.equal(await pair.cache.decr('start', 5, initial), MAX_UINT64 - 5n)
      const ttl = (await secondsLeft(pair.cache, 'start')) ?? 0
      assert.ok(ttl > 90 && ttl <= 100)
    }
    pair.cache.configure({ protocol: 'auto' })
  })

  it('incr rejects for a value that is no number, and the client goes on', async () => {
    await pair.cache.set('word', 'x')
    await assert.rejects(pair.cache.incr('word'), { code: 'MINTRING_REFUSED', sent: true })
    assert.equal(await pair.cache.get('word'), 'x')
  })

  it('getMany returns hits in the order asked, each key once', async () => {
    const entries = Array.from({ length: 1000 }, (_, i) => [`many${i}`, i] as const)
    const stored = await pair.cache.setMany(entries)
    assert.equal(stored.size, 1000)
    assert.ok([...stored.values()].every((done) => done))
    const backwards = entries.toReversed()
    const asked = [...backwards.map(([key]) => key), 'none', 'many5']
    assert.deepEqual(await pair.cache.getMany<number>(asked), new Map(backwards))
    assert.deepEqual([...(await pair.cache.getMany<number>(asked))], backwards)
  })

  it('deleteMany deletes many keys and returns which were present', async () => {
    await pair.cache.setMany(
      new Map([
        ['d1', 1],
        ['d2', 2],
      ]),
    )
    const deleted = await pair.cache.deleteMany(['d1', 'd0', 'd2'])
    assert.deepEqual(
      [...deleted],
      [
        ['d1', true],
        ['d0', false],
        ['d2', true],
      ],
    )
    assert.equal(deleted.failed.size, 0)
  })
})
