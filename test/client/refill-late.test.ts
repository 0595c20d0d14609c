import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import type { RefillPolicy } from '../../src/refill/policy.ts'
import { onBothServers, onMetaServers } from './both-servers.ts'

const POLICY = { ttl: 60, staleWhileRevalidate: 60, lease: 2, jitter: 0 } as const

type Change = (writer: MemcachedClient, key: string, policy: RefillPolicy) => Promise<unknown>

/** What another client does while a command of the load is on its way. */
const CHANGES: Readonly<Record<string, Change>> = {
  invalidate: (writer, key, policy) => writer.invalidate(key, policy),
  'invalidate-without-policy': (writer, key) => writer.invalidate(key),
  'invalidate-part': (writer, key) => writer.invalidate(key, { timeoutMs: 5_000 }),
  delete: (writer, key) => writer.delete(key),
  set: (writer, key) => writer.set(key, 'set', { ttl: 60 }),
}

/** Which command of the load is late. */
const LATE: Readonly<Record<string, (key: string) => RegExp>> = {
  renewal: (key) => new RegExp(`(?:ms|set) \\S*(?:beat|lease)\\S*${key} `),
  store: (key) => new RegExp(`(?:ms|cas) ${key} `),
}

interface Way {
  readonly address: string
  /** Resolves when the command has come, which is then held back with all after it. */
  readonly held: Promise<void>
  /** Lets the server have what was held back. */
  release(): void
  /** The same, and no further byte in either direction. Resolves to the server's reply. */
  releaseAndDie(): Promise<string>
}

/** Starts a way to the server on which the first command that matches is held back. */
async function wayWithout(context: TestContext, address: string, late: RegExp): Promise<Way> {
  const port = Number(address.split(':').at(-1))
  const ends = new Set<net.Socket>()
  let isDead = false
  let release = (): void => {}
  let hold = (): void => {}
  let answer: (reply: string) => void = () => {}
  const held = new Promise<void>((resolve) => {
    hold = resolve
  })
  let isPassed = false
  const server = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1')
    let kept: Buffer[] | undefined
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(one)
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
    far.on('data', (chunk) => {
      if (isDead) answer(chunk.toString('latin1'))
      else near.write(chunk)
    })
    near.on('data', (chunk) => {
      const at = isPassed ? -1 : chunk.toString('latin1').search(late)
      if (isDead) return
      if (kept !== undefined) kept.push(chunk)
      else if (at === -1) far.write(chunk)
      else {
        isPassed = true
        far.write(chunk.subarray(0, at))
        kept = [chunk.subarray(at)]
        release = () => {
          far.write(Buffer.concat(kept!))
          kept = undefined
        }
        hold()
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => {
    for (const end of ends) end.destroy()
    server.close()
  })
  return {
    address: `127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    held,
    release: () => release(),
    releaseAndDie() {
      isDead = true
      release()
      return new Promise((resolve) => {
        answer = resolve
      })
    },
  }
}

function connect(context: TestContext, address: string): MemcachedClient {
  const client = new MemcachedClient(address, { requestTimeoutMs: 20_000 })
  context.after(() => client.close({ drainMs: 0 }))
  return client
}

onBothServers((pair) => {
  for (const placeholder of ['inline', 'sidecar'] as const) {
    for (const [late, match] of Object.entries(LATE)) {
      test(`a load whose ${late} arrives after a change of the key stores nothing, ${placeholder}`, async (context) => {
        const policy = { ...POLICY, placeholder }
        const one = async ([change, apply]: (typeof changes)[number]): Promise<void> => {
          const key = `${late}-${placeholder}-${change}`
          const way = await wayWithout(context, pair.server.address, match(key))
          let finish: (value: string) => void = () => {}
          const value = new Promise<string>((resolve) => {
            finish = resolve
          })
          const loader = connect(context, way.address)
          const entry = loader.getOrSetEntry(key, () => value, policy)
          if (late === 'store') finish('old')
          await way.held
          await apply(connect(context, pair.server.address), key, policy)
          way.release()
          finish('old')
          assert.deepEqual(await entry, { value: 'old', state: 'uncached' }, change)
          const found = await pair.cache.getOrSet(key, () => 'new', policy)
          assert.equal(found, change === 'set' ? 'set' : 'new', change)
        }
        const changes = Object.entries(CHANGES)
        await Promise.all(changes.map(one))
      })
    }
  }
})

onMetaServers((pair) => {
  const policy = { ...POLICY, placeholder: 'sidecar' } as const
  const bytesOf = async (key: string): Promise<string> => {
    return String((await pair.cache.raw(key, 'get', key))[0]?.data ?? 'none')
  }

  /** The commands with which a page that was missing is stored. */
  const STEPS: Readonly<Record<string, (key: string) => RegExp>> = {
    'the first check of the lock': (key) => new RegExp(`mg \\S*lock~${key} [^N\r]*\r`),
    'the unconfirmed page': (key) => new RegExp(`ms ${key} `),
    'the second check of the lock': (key) => new RegExp(`(?<=\n)mg \\S*lock~${key} [^N\r]*\r`),
    'the page with its ttl': (key) => new RegExp(`ms ${key} [^\r]*T120`),
  }

  test('a page is loaded anew after a change, whichever of its commands are lost or late when its process dies', async (context) => {
    const one = async (step: string, end: string, change: string): Promise<void> => {
      const about = `${step} is ${end}, ${change}`
      const key = `dead-${Object.keys(STEPS).indexOf(step)}-${end}-${change}`
      const way = await wayWithout(context, pair.server.address, STEPS[step]!(key))
      const loader = connect(context, way.address)
      loader.getOrSet(key, () => 'old', policy).catch(() => {})
      await way.held
      await CHANGES[change]!(connect(context, pair.server.address), key, policy)
      if (end === 'late') await way.releaseAndDie()
      assert.equal(await pair.cache.get(key), undefined, about)
      const reader = connect(context, pair.server.address)
      const found = await reader.getOrSetEntry(key, () => 'new', policy)
      assert.deepEqual([found.value, found.state === 'stale'], ['new', false], about)
      await sleep(2_100)
      assert.match(await bytesOf(key), /^(new|none)$/, about)
    }
    const changes = Object.keys(CHANGES).filter((change) => change !== 'set')
    const ends = ['lost', 'late'].flatMap((end) => changes.map((change) => [end, change] as const))
    const all = Object.keys(STEPS).flatMap((step) => {
      return ends.map(([end, change]) => one(step, end, change))
    })
    await Promise.all(all)
  })

  for (const placeholder of ['inline', 'sidecar'] as const) {
    test(`a lease that is taken over while the key changes stores nothing, ${placeholder}`, async (context) => {
      const policy = { ...POLICY, placeholder, waitTimeoutMs: 20_000 }
      const one = async ([change, apply]: (typeof changes)[number]): Promise<void> => {
        const key = `taken-${placeholder}-${change}`
        const dead = await wayWithout(context, pair.server.address, LATE.renewal!(key))
        const holder = connect(context, dead.address)
        holder.getOrSet(key, () => new Promise<string>(() => {}), policy).catch(() => {})
        await dead.held
        const takeover = new RegExp(`ms \\S*beat\\S*${key} [^\r]*C\\d`)
        const way = await wayWithout(context, pair.server.address, takeover)
        let version = 'old'
        const taker = connect(context, way.address)
        const entry = taker.getOrSetEntry(key, () => version, policy)
        await way.held
        version = 'new'
        await apply(connect(context, pair.server.address), key, policy)
        way.release()
        assert.deepEqual(await entry, { value: 'new', state: 'uncached' }, change)
        const found = await pair.cache.getOrSet(key, () => 'newer', policy)
        assert.equal(found, change === 'set' ? 'set' : 'newer', change)
      }
      const changes = Object.entries(CHANGES)
      await Promise.all(changes.map(one))
    })
  }
})
