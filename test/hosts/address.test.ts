import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf, identityOf, parseServers } from '../../src/hosts/address.ts'

const isCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code

test('parseServers reads several servers from one string, separated by commas or spaces', () => {
  const servers = parseServers('a:1, b c:3:2')
  assert.deepEqual(servers.map(addressOf), ['a:1', 'b:11211', 'c:3'])
  assert.equal(servers[2]?.weight, 2)
})

test('parseServers throws for an empty list', () => {
  for (const servers of ['', ' , ', []]) {
    assert.throws(() => parseServers(servers), isCode('MINTRING_NO_SERVERS'))
  }
})

test('parseServers throws for anything but a list', () => {
  assert.throws(() => parseServers(7 as never), isCode('MINTRING_BAD_SERVER'))
  assert.throws(() => parseServers(['a:0']), isCode('MINTRING_BAD_SERVER'))
  assert.throws(() => parseServers(['a:1:0']), isCode('MINTRING_BAD_SERVER'))
})

test('parseServers throws for a server listed twice, also with an explicit default port', () => {
  assert.throws(() => parseServers(['a', 'a:11211']), isCode('MINTRING_DUPLICATE_SERVER'))
})

test('a host shows its address as it is dialled', () => {
  const [v6, socket] = parseServers(['[::1]:5', 'unix:/tmp/m.sock'])
  assert.equal(addressOf(v6!), '[::1]:5')
  assert.equal(addressOf(socket!), '/tmp/m.sock')
})

test('a server with a new weight is the same host, one with a new port or password is not', () => {
  const [a, heavy, moved] = ['h:1', 'h:1:5', 'h:2'].map((text) => parseServers(text)[0]!)
  const [secret] = parseServers([{ host: 'h', port: 1, password: 'x', username: 'y' }])
  assert.equal(identityOf(a!), identityOf(heavy!))
  assert.notEqual(identityOf(a!), identityOf(moved!))
  assert.notEqual(identityOf(a!), identityOf(secret!))
})
