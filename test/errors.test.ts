import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import vm from 'node:vm'
import { isMintringError, MintringError, messageOf } from '../src/errors.ts'

describe('a MintringError', () => {
  it('is written to JSON with its causes', () => {
    const socket = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    const dial = new MintringError('MINTRING_CONNECTION', 'a:1 refuses', {
      host: 'a:1',
      cause: socket,
    })
    const error = new MintringError('MINTRING_NO_HOSTS', 'no host answers', {
      command: 'get',
      cause: dial,
    })
    assert.deepEqual(JSON.parse(JSON.stringify(error)), {
      name: 'MintringError',
      code: 'MINTRING_NO_HOSTS',
      message: 'no host answers',
      command: 'get',
      sent: false,
      docs: 'docs/errors.md#mintring_no_hosts',
      cause: {
        name: 'MintringError',
        code: 'MINTRING_CONNECTION',
        message: 'a:1 refuses',
        host: 'a:1',
        sent: false,
        cause: { name: 'Error', code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' },
      },
    })
  })

  it('limits the depth of JSON when its causes are circular', () => {
    const first: Error & { cause?: unknown } = new Error('first')
    const second = new MintringError('MINTRING_LOADER', 'second', { cause: first })
    first.cause = second
    assert.ok(JSON.stringify(second).length < 4000)
  })

  it('writes causes that are no errors to JSON', () => {
    for (const cause of ['text', 7, null, Symbol('s'), {}, () => {}]) {
      const error = new MintringError('MINTRING_LOADER', 'failed', { cause })
      assert.equal(JSON.parse(JSON.stringify(error)).code, 'MINTRING_LOADER')
    }
  })

  it('has no stack for a failed host or timeout, and one for a mistake of the caller', () => {
    assert.doesNotMatch(new MintringError('MINTRING_TIMEOUT', 'late').stack ?? '', /\n/)
    assert.match(new MintringError('MINTRING_BAD_KEY', 'bad').stack ?? '', /errors\.test/)
    assert.match(new Error('others keep theirs').stack ?? '', /errors\.test/)
  })

  it('is recognized without instanceof, also from another realm', () => {
    const error = new MintringError('MINTRING_TIMEOUT', 'late')
    assert.equal(isMintringError(error), true)
    const foreign = vm.runInNewContext(
      `Object.assign(new Error('x'), { [Symbol.for('mintring.error')]: true })`,
    )
    assert.equal(isMintringError(foreign), true)
    for (const other of [new Error('x'), null, undefined, 'MintringError', {}]) {
      assert.equal(isMintringError(other), false)
    }
  })

  it('shows its name, code and message in util.inspect', () => {
    const text = inspect(new MintringError('MINTRING_BAD_TTL', 'a TTL is whole seconds'))
    assert.match(text, /MintringError: a TTL is whole seconds/)
    assert.match(text, /code: 'MINTRING_BAD_TTL'/)
  })

  it('does not repeat credentials of a URL in its message', () => {
    const error = new MintringError('MINTRING_CONNECTION', 'cannot reach memcached://u:pw@h:1')
    assert.equal(error.message, 'cannot reach memcached://***@h:1')
  })
})

describe('messageOf', () => {
  it('returns the text of any thrown value', () => {
    assert.equal(messageOf(new TypeError('boom')), 'boom')
    assert.equal(messageOf('text'), 'text')
    assert.equal(messageOf(vm.runInNewContext(`new Error('other realm')`)), 'other realm')
    assert.equal(messageOf(undefined), 'a undefined was thrown')
    assert.equal(messageOf({ message: '' }), 'a object was thrown')
  })
})
