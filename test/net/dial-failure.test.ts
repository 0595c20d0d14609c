import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MintringError } from '../../src/errors.ts'
import { beginsTls, CLOSED_WHILE_CONNECTING, dialFailure } from '../../src/net/dial-failure.ts'

const system = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code })

/** The error of a failed dial, and the message that the caller should get. */
const MESSAGES: readonly (readonly [unknown, isTls: boolean, RegExp])[] = [
  [
    system('ECONNREFUSED'),
    false,
    /^h:1 refuses connections \(ECONNREFUSED\): is memcached running/,
  ],
  [system('ENOTFOUND'), false, /^There is no address for h:1 \(ENOTFOUND\): is the name right\?$/],
  [system('EAI_AGAIN'), false, /^DNS does not answer for h:1 \(EAI_AGAIN\)/],
  [system('ETIMEDOUT'), false, /^h:1 does not answer \(ETIMEDOUT\): does a firewall/],
  [system('EHOSTUNREACH'), true, /^h:1 cannot be reached \(EHOSTUNREACH\)/],
  [system('ENOENT'), false, /^There is no socket h:1 \(ENOENT\): does memcached run with -s/],
  [system('EMFILE'), false, /too many open files/],
  [system('ESOMETHING'), false, /^Cannot connect to h:1: ESOMETHING$/],
  [new Error('timed out'), false, /^Cannot connect to h:1: timed out$/],
  ['text', false, /^Cannot connect to h:1: text$/],
  [system('DEPTH_ZERO_SELF_SIGNED_CERT'), true, /not trusted \(DEPTH_ZERO.*pass tls: \{ ca \}$/],
  [system('ERR_TLS_CERT_ALTNAME_INVALID'), true, /for another name .*set tls\.servername$/],
  [system('CERT_HAS_EXPIRED'), true, /has expired/],
  [system('EPROTO'), true, /does not answer in TLS \(EPROTO\): is it a plain server/],
  [system('ERR_SSL_WRONG_VERSION_NUMBER'), true, /does not answer in TLS/],
  [
    system('ECONNRESET'),
    true,
    /closed the connection during TLS: is it a plain server\? Then use memcached/,
  ],
  [new Error(CLOSED_WHILE_CONNECTING), true, /closed the connection during TLS/],
  [new Error(CLOSED_WHILE_CONNECTING), false, /^Cannot connect to h:1: closed while connecting$/],
]

describe('the error of a failed connection attempt', () => {
  for (const [cause, isTls, message] of MESSAGES) {
    it(`names the host, the cause and what to try: ${message.source}`, () => {
      const error = dialFailure('h:1', isTls, cause)
      assert.match(error.message, message)
      assert.deepEqual([error.code, error.host, error.cause], ['MINTRING_CONNECTION', 'h:1', cause])
    })
  }

  it('is unchanged when it is already a MintringError', () => {
    const error = new MintringError('MINTRING_TIMEOUT', 'late')
    assert.equal(dialFailure('h:1', false, error), error)
  })
})

describe('bytes of a TLS handshake', () => {
  it('are distinguished from replies of memcached', () => {
    assert.equal(beginsTls(Buffer.from([0x15, 3, 1, 0, 2, 2, 70])), true)
    assert.equal(beginsTls(Buffer.from([0x16, 3, 3])), true)
    assert.equal(beginsTls(Buffer.from('VERSION 1.6.18')), false)
    assert.equal(beginsTls(Buffer.alloc(0)), false)
  })
})
