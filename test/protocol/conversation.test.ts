import assert from 'node:assert/strict'
import net from 'node:net'
import { after, before, describe, test } from 'node:test'
import * as admin from '../../src/protocol/admin.ts'
import { toBase64Key, toWireKey } from '../../src/protocol/key.ts'
import * as meta from '../../src/protocol/meta.ts'
import { ReplyKind } from '../../src/protocol/reply-kind.ts'
import { ReplyParser } from '../../src/protocol/reply-parser.ts'
import * as request from '../../src/protocol/request.ts'
import {
  type Memcached,
  memcachedAbilities,
  skipWithoutMemcached,
  skipWithoutMeta,
  startMemcached,
} from '../support/memcached.ts'
import { type Heard, hear } from './corpus.ts'

const kindNames = new Map<number, string>(
  Object.entries(ReplyKind).map(([name, kind]) => [kind, name]),
)

/** Writes `sent` and collects replies until they are `done`, or nothing has arrived for a while. */
function talk(
  port: number,
  sent: string,
  done: (replies: readonly Heard[]) => boolean,
): Promise<Heard[]> {
  return new Promise((resolve, reject) => {
    const replies: Heard[] = []
    const socket = net.connect(port, '127.0.0.1')
    const parser = new ReplyParser((reply) => replies.push(hear(reply)))
    socket.on('data', (chunk: Buffer) => {
      try {
        parser.push(chunk)
      } catch (error) {
        reject(error)
        socket.destroy()
      }
      if (done(replies)) socket.destroy()
    })
    socket.setTimeout(5000, () => socket.destroy())
    socket.on('error', reject)
    socket.on('close', () => resolve(replies))
    socket.write(sent, 'latin1')
  })
}

const ended = (replies: readonly Heard[]): boolean => replies.at(-1)?.kind === ReplyKind.End

function kinds(replies: readonly Heard[]): string {
  return replies.map((reply) => kindNames.get(reply.kind)).join(' ')
}

const skip = skipWithoutMemcached()
const can = memcachedAbilities()

describe('commands written and replies read by the protocol, with a real memcached', {
  skip,
}, () => {
  let server: Memcached
  before(async () => {
    server = await startMemcached()
  })
  after(() => server?.kill())

  const expectKinds = async (commands: readonly string[], expected: string) => {
    const count = expected.split(' ').length
    const replies = await talk(server.port, commands.join(''), ({ length }) => length >= count)
    assert.equal(kinds(replies), expected, replies.map((reply) => reply.text).join(' | '))
    return replies
  }

  test('work for classic commands', async () => {
    const key = toWireKey('clé:1')
    const replies = await expectKinds(
      [
        `${request.storeHead('set', key, 5, 0, 5)}hello\r\n`,
        `${request.storeHead('add', key, 0, 0, 1)}x\r\n`,
        request.getsHead([key, 'nope']),
        `${request.storeHead('cas', key, 0, 0, 1, 999n)}x\r\n`,
        `${request.storeHead('cas', 'nope', 0, 0, 1, 999n)}x\r\n`,
        `${request.storeHead('append', key, 0, 0, 1)}!\r\n`,
        can.gat ? request.gatHead(100, [key]) : request.getsHead([key]),
        request.touchHead(key, 100),
        `${request.storeHead('set', 'n', 0, 0, 2)}10\r\n`,
        request.decrHead('n', 1),
        request.incrHead('n', 18446744073709551606n),
        request.deleteHead('n'),
        request.deleteHead('n'),
      ],
      'Stored NotStored Value End Exists NotFound Stored Value End Touched ' +
        'Stored Number Number Deleted NotFound',
    )
    assert.equal(replies[2]!.value, 'hello')
    assert.equal(replies[2]!.key, key)
    assert.equal(replies[2]!.flags, 5)
    assert.equal(replies[7]!.value, 'hello!')
    assert.equal(replies[11]!.number, 9n)
    assert.equal(replies[12]!.number, 18446744073709551615n)
  })

  test('work for meta commands', { skip: skipWithoutMeta() }, async () => {
    const key = toBase64Key(Uint8Array.of(0, 10, 13))
    const asked = { b: true, k: true, v: true, f: true, t: true, c: true, s: true } as const
    const replies = await expectKinds(
      [
        `${meta.msHead(key, 2, { b: true, F: 7, T: 60, c: true })}hi\r\n`,
        meta.mgHead(key, { ...asked, h: true, l: true, u: true, O: 'o1' }),
        meta.mgHead('new', { N: 30, v: true, t: true }),
        meta.mgHead('new', { N: 30, v: true }),
        meta.mdHead(key, { b: true, I: true, T: 30 }),
        meta.mgHead(key, { b: true, v: true, t: true }),
        meta.mdHead(key, { b: true, C: 1n }),
        `${meta.msHead('nope', 1, { M: 'R' })}x\r\n`,
        meta.maHead('n', { N: 0, J: 18446744073709551615n, v: true, t: true }),
        meta.maHead('nope', {}),
        meta.meHead(key, { b: true }),
        meta.mgHead('nope', {}),
        meta.mgHead('nope', { q: true, v: true }),
        meta.mnHead(),
      ],
      'Hd Va Va Va Hd Va Ex Ns Va Nf Me En Mn',
    )
    const [, hit, winner, loser, , stale] = replies
    assert.deepEqual([hit!.value, hit!.flags, hit!.ttl, hit!.size, hit!.hit], ['hi', 7, 60, 2, 0])
    assert.deepEqual([hit!.key, hit!.keyIsBase64, hit!.opaque], [key, true, 'o1'])
    assert.deepEqual([winner!.ttl, winner!.marks, loser!.marks], [30, 'W', 'Z'])
    assert.equal([...stale!.marks].sort().join(''), 'WX')
    assert.equal(replies[8]!.value, '18446744073709551615')
  })

  test('work for administration commands', async () => {
    // The kind of the reply to `shutdown`, which this server does not allow.
    const refused = can.strictLines ? 'ServerError' : 'Error'
    // One version of memcached reads `lru` as the beginning of `lru_crawler`.
    const ofLru = can.takesPrefixes ? 'Error Error' : 'Ok Ok'
    await expectKinds(
      [
        admin.versionHead(),
        admin.verbosityHead(0),
        admin.cacheMemlimitHead(64),
        admin.cacheMemlimitHead(1),
        admin.slabsAutomoveHead(0),
        admin.slabsReassignHead(3, 3),
        can.lruModes ? admin.lruTempTtlHead(-1) : admin.verbosityHead(0),
        admin.lruTuneHead(10, 25, 0.1, 2),
        admin.lruCrawlerSleepHead(100),
        admin.lruCrawlerTocrawlHead(0),
        admin.statsHead('reset'),
        admin.statsHead('detail', 'on'),
        admin.statsHead('detail', 'off'),
        admin.shutdownHead(),
        admin.flushAllHead(600),
      ],
      `Version Ok Ok Line Ok Line ${ofLru} Ok Ok Reset Ok Ok ${refused} Ok`,
    )
  })

  test('work for statistics', async () => {
    const replies = await talk(server.port, admin.statsHead(), ended)
    const stats = replies.slice(0, -1)
    assert.ok(stats.length > 40 && stats.every(({ kind }) => kind === ReplyKind.Stat))
    assert.ok(stats.some(({ key, text }) => key === 'pid' && text === `STAT pid ${server.pid}`))
  })

  test('work for dumps and watches', async () => {
    const store = `${request.storeHead('set', 'dumped', 0, 0, 1)}x\r\n`
    await expectKinds([store], 'Stored')
    const watch = admin.watchHead(['fetchers', 'mutations'])
    const watched = talk(server.port, watch, ({ length }) => length >= 2)
    // Before memcached 1.5.4 the list has no end.
    const isListed = can.fullDumps ? ended : ({ length }: readonly Heard[]) => length > 0
    const dump = await talk(server.port, admin.metadumpHead('all'), isListed)
    assert.ok(dump.some(({ text }) => text.startsWith('key=dumped exp=-1 ')))
    // memcached's worker threads learn of a new watcher a little after the OK.
    let heard: readonly Heard[] | undefined
    const listening = watched.then((replies) => {
      heard = replies
    })
    while (heard === undefined) await expectKinds([request.getHead(['dumped'])], 'Value End')
    await listening
    const [ok, event] = heard
    assert.equal(ok!.kind, ReplyKind.Ok)
    assert.match(event!.text, /^ts=\S+ gid=\d+ type=item_get key=dumped /)
  })
})
