import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { Damper } from '../../src/client/discovery/damper.ts'

const names = (client: MemcachedClient): string[] => client.hosts().map((host) => host.name)

function warned(client: MemcachedClient): Promise<string> {
  return new Promise((resolve) => client.on('warning', ({ message }) => resolve(message)))
}

describe('a discovered server list that alternates', () => {
  const followed = (lists: readonly string[]): string => {
    const damper = new Damper()
    return lists
      .filter((list) => {
        const isFollowed = damper.judge(list) === 'follow'
        if (isFollowed) damper.follow(list)
        return isFollowed
      })
      .join('')
  }

  it('is applied at once if it was not used before', () => {
    assert.equal(followed([...'aabbcc']), 'abc')
  })

  it('is applied again after it was replaced only if three lookups in a row return it', () => {
    assert.equal(followed([...'ababababab']), 'ab')
    assert.equal(followed([...'abaa']), 'ab')
    assert.equal(followed([...'abaaa']), 'aba')
  })

  it('is applied after three changes within ten lookups only if three lookups in a row return it', () => {
    assert.equal(followed([...'abcdefghij']), 'abcd')
    assert.equal(followed([...'abcdeee']), 'abcde')
  })

  it('is applied at once again after ten lookups without a change', () => {
    assert.equal(followed([...`ab${'b'.repeat(10)}a`]), 'aba')
  })

  it('causes a warning, and discover() applies it at once', async () => {
    let list = ['10.0.0.1']
    const discovery = { servers: () => list, intervalMs: 100 }
    await using client = new MemcachedClient('10.0.0.1', { handover: 0, discovery })
    await client.discover()
    list = ['10.0.0.2']
    await client.discover()
    const warning = warned(client)
    list = ['10.0.0.1']
    const awake = setInterval(() => undefined, 1000)
    assert.match(await warning, /keeps changing/)
    clearInterval(awake)
    await client.discover()
    assert.deepEqual(names(client), ['10.0.0.1:11211'])
  })
})
