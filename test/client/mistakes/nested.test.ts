import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createSecureContext, type SecureContext } from 'node:tls'
import { rows } from '../../../src/behaviors/table.ts'
import { MemcachedClient } from '../../../src/client/client.ts'
import { startServer } from '../../../src/embedded/server.ts'
import { isMintringError } from '../../../src/errors.ts'
import { createRing } from '../../../src/ring/ring.ts'
import type { Loose } from './support.ts'

/** One value of each kind that a caller may pass by mistake, by its name in the tables below. */
const VALUES: Readonly<Record<string, unknown>> = {
  five: 5,
  minus: -1,
  half: 1.5,
  NaN: Number.NaN,
  infinity: Number.POSITIVE_INFINITY,
  text: 'x',
  empty: '',
  true: true,
  false: false,
  null: null,
  object: {},
  filled: { unknown: 1 },
  nameless: Object.create(null),
  array: [],
  numbers: [1],
  texts: ['x'],
  function: () => {},
  symbol: Symbol('x'),
  bigint: 1n,
  date: new Date(0),
  map: new Map(),
  bytes: Buffer.from('x'),
  promise: Promise.resolve(),
}

/** For each option, the names of the values above that it accepts; it must refuse all others. */
type Accepted = Readonly<Record<string, string>>

const FLAG = 'true false'
const ANY_TEXT = 'text empty'

const TLS: Accepted = {
  servername: ANY_TEXT,
  passphrase: ANY_TEXT,
  localAddress: ANY_TEXT,
  ecdhCurve: '',
  secureProtocol: '',
  minVersion: '',
  maxVersion: '',
  sessionIdContext: ANY_TEXT,
  rejectUnauthorized: FLAG,
  requestCert: FLAG,
  requestOCSP: FLAG,
  enableTrace: FLAG,
  honorCipherOrder: FLAG,
  minDHSize: 'five minus half',
  highWaterMark: 'five minus half',
  checkServerIdentity: 'function',
  pskCallback: 'function',
  session: 'bytes',
  ca: '',
  cert: '',
  crl: '',
  key: '',
  pfx: '',
  ALPNProtocols: 'array texts bytes',
  secureContext: '',
  host: '',
  port: '',
  path: '',
  socket: '',
  timeout: '',
  unknown: '',
}

const PREVIOUS: Accepted = {
  servers: 'text texts',
  preset: '',
  distribution: '',
  hash: '',
  hashTag: '',
  weighted: FLAG,
  serverOrder: '',
  pointHash: '',
  labelFormat: '',
  vnodes: 'five',
  replicas: '',
  tableSize: 'five',
  ejection: '',
  autoEjectHosts: FLAG,
  duplicates: '',
  keyPrefix: ANY_TEXT,
  hashWithPrefixKey: FLAG,
  valueFlags: '',
  username: ANY_TEXT,
  password: ANY_TEXT,
  unknown: '',
}

const DISCOVERY: Accepted = {
  ...{ dns: 'text', intervalMs: '', timeoutMs: 'five', port: 'five', unknown: '' },
}

const SERVER: Accepted = {
  ...{ host: 'text', port: 'five', weight: 'five', name: 'text', vnodes: 'five' },
  ...{ path: 'text', ip: 'text', tls: 'true false object nameless', unknown: '' },
  ...{ username: ANY_TEXT, password: ANY_TEXT },
}

const RING: Accepted = {
  ...{ distribution: '', hash: '', pointHash: '', hashTag: '', weighted: FLAG, ejection: '' },
  ...{ serverOrder: '', labelFormat: '', vnodes: 'five', replicas: '', tableSize: 'five' },
  duplicates: '',
}

const EMBEDDED: Accepted = {
  ...{ users: 'object nameless', maxBytes: 'five', maxItemBytes: 'five', maxConnections: 'five' },
  ...{ version: '', cas: FLAG, flush: FLAG, shutdown: FLAG },
  ...{ cluster: 'array texts', clock: '', faults: 'object nameless', unknown: '' },
  tls: 'object nameless filled',
}

/** What startServer() would listen on if it were valid. */
const PLACES = ['host', 'port', 'path']

const FAULTS: Accepted = {
  ...{ delayMs: 'five half', drip: '', truncateAfterBytes: 'five half', times: 'five half' },
  ...{ resetAfterBytes: 'five half', garbage: 'text bytes empty', dropReplies: FLAG },
  ...{ blackHole: FLAG, refuse: FLAG, only: 'array texts', unknown: '' },
}

const client = (behaviors: object): Loose => new MemcachedClient('a.invalid:1', behaviors as Loose)
const server = (given: object): Loose => new MemcachedClient([given as Loose])
const user = { username: 'u', password: 'p' }

/** Each object of options, with a call that is valid but for the option that is tried. */
const DOORS: readonly (readonly [string, Accepted, (given: object) => unknown])[] = [
  ['tls of the client', TLS, (tls) => client({ tls })],
  ['tls of a server', TLS, (tls) => server({ host: 'a.invalid', tls })],
  [
    'connections',
    { min: '', max: 'five', idleMs: 'five', unknown: '' },
    (connections) => client({ connections }),
  ],
  [
    'failover',
    { gutter: 'text texts', ttl: 'five', unknown: '' },
    (given) => client({ failover: { gutter: 'b.invalid', ttl: 5, ...given } }),
  ],
  [
    'serializer',
    { serialize: 'function', deserialize: 'function' },
    (given) => client({ serializer: { serialize: String, deserialize: String, ...given } }),
  ],
  ['discovery', DISCOVERY, (given) => client({ discovery: { dns: 'a.invalid', ...given } })],
  [
    'discovery by endpoint',
    { endpoint: 'text texts' },
    (given) => client({ discovery: { endpoint: 'a.invalid', ...given } }),
  ],
  [
    'discovery by function',
    { servers: 'function' },
    (given) => client({ discovery: { servers: () => ['a.invalid'], ...given } }),
  ],
  [
    'previous',
    PREVIOUS,
    (given) => client({ previous: { servers: 'b.invalid', ...user, ...given } }),
  ],
  ['a server', SERVER, (given) => server({ host: 'a.invalid', ...user, ...given })],
  [
    'setServers()',
    { handover: '', announce: 'five', unknown: '' },
    async (given) => {
      await using cache = client({})
      cache.setServers('b.invalid', given)
    },
  ],
  ['createRing()', RING, (given) => createRing(['a'], given)],
  ['startServer()', EMBEDDED, (given) => startServer(given)],
  ['inject()', FAULTS, (given) => startServer({ faults: given })],
  [
    'drip of inject()',
    { bytes: 'five half', everyMs: 'five half', unknown: '' },
    (given) => startServer({ faults: { drip: { bytes: 1, everyMs: 1, ...given } as Loose } }),
  ],
]

/** The codes of errors about arguments and settings. */
const REFUSED = /^MINTRING_(BAD_(ARGUMENT|BEHAVIOR|SERVER|KEY)|NO_SERVERS)$/

/** Resolves to undefined if the call is accepted, else to its error. */
async function refusalOf(call: (given: object) => unknown, given: object): Promise<unknown> {
  try {
    await ((await call(given)) as { close?(): unknown } | undefined)?.close?.()
    return undefined
  } catch (error) {
    return error
  }
}

describe('every nested option', () => {
  for (const [door, options, call] of DOORS) {
    for (const [option, accepted] of Object.entries(options)) {
      it(`${option} of ${door} is checked before any I/O, whatever is passed`, async () => {
        const found: string[] = []
        for (const [name, value] of Object.entries(VALUES)) {
          const error = await refusalOf(call, { [option]: value })
          if (error === undefined) found.push(name)
          else {
            const code = isMintringError(error) ? error.code : String(error)
            assert.match(code, REFUSED, `${name} for ${option}: ${String(error)}`)
          }
        }
        const wanted = accepted.split(' ').filter(Boolean)
        assert.deepEqual(found.sort(), wanted.sort())
      })
    }
  }

  for (const place of PLACES) {
    it(`${place} of startServer() is checked before any I/O`, async () => {
      for (const [name, value] of Object.entries(VALUES)) {
        if (name === 'text' || name === 'five') continue
        const error = await refusalOf((given) => startServer(given), { [place]: value })
        assert.equal(isMintringError(error) && error.code, 'MINTRING_BAD_ARGUMENT', name)
      }
    })
  }

  it('of a behavior is one of those above', () => {
    const objects = rows.filter((row) => row.type === 'object').map((row) => row.name)
    const tried = DOORS.map(([door]) => door.split(' ')[0])
    assert.deepEqual(
      objects.filter((name) => !tried.includes(name)),
      [],
    )
  })

  it('of tls may be undefined, and a prepared context is accepted', async () => {
    const secureContext: SecureContext = createSecureContext()
    const tls = { servername: undefined, minDHSize: undefined, secureContext }
    await client({ tls }).close()
    await server({ host: 'a.invalid', tls }).close()
  })
})

describe('the error about an option of tls', () => {
  const SENTENCES: readonly (readonly [object, string])[] = [
    [{ servername: 5 }, 'tls takes a string as servername, got a number'],
    [
      { ca: '/etc/cache/ca.pem' },
      'tls takes the content of a PEM file (not its path) as ca, got a string',
    ],
    [
      { minVersion: 'TLSv9' },
      'tls has a minVersion that tls.connect rejects (ERR_TLS_INVALID_PROTOCOL_VERSION)',
    ],
    [
      { rejectUnauthorised: false },
      "tls has no option 'rejectUnauthorised'. Did you mean 'rejectUnauthorized'?",
    ],
    [
      { verify: false },
      "tls has no option 'verify'. It has ca, cert, key, passphrase, servername, " +
        'rejectUnauthorized and others of tls.connect.',
    ],
    [
      { host: 'cache.example' },
      'tls takes no host: the server list has the address; servername is the name in the ' +
        'certificate',
    ],
  ]
  for (const [tls, message] of SENTENCES) {
    it(`says what to write instead: ${message}`, () => {
      assert.throws(() => client({ tls }), { code: 'MINTRING_BAD_BEHAVIOR', message })
      const ofServer = `Bad server { host: 'a', port: 11211 }: its ${message}`
      assert.throws(() => server({ host: 'a', tls }), {
        code: 'MINTRING_BAD_SERVER',
        message: ofServer,
      })
    })
  }
})
