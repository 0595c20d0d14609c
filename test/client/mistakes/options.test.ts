import { describe } from 'node:test'
import { load, type Mistake, OBJECT, refuse, WRITE_TTL } from './support.ts'

const controller = new AbortController()
const TTL = "A TTL is whole seconds (300), or a whole number with s, m, h, d or w ('5m'), not"
const NO_CALLBACK =
  'returns a promise and calls no callback: await it, or use mintring/compat for callbacks'
const MS = 'timeoutMs must be milliseconds above 0 and at most 2147483647, not'

const MISTAKES: readonly Mistake[] = [
  [
    "set('k', 1, 60)",
    (c) => c.set('k', 1, 60),
    'MINTRING_BAD_ARGUMENT',
    `The options of set() ${OBJECT} a number: ${WRITE_TTL}`,
  ],
  [
    "set('k', 1, '60')",
    (c) => c.set('k', 1, '60'),
    'MINTRING_BAD_ARGUMENT',
    `The options of set() ${OBJECT} a string: ${WRITE_TTL}`,
  ],
  [
    "set('k', 1, [60])",
    (c) => c.set('k', 1, [60]),
    'MINTRING_BAD_ARGUMENT',
    `The options of set() ${OBJECT} an array: ${WRITE_TTL}`,
  ],
  [
    "set('k', 1, null)",
    (c) => c.set('k', 1, null),
    'MINTRING_BAD_ARGUMENT',
    `The options of set() ${OBJECT} null: ${WRITE_TTL}`,
  ],
  [
    "set('k', 1, callback)",
    (c) => c.set('k', 1, load),
    'MINTRING_BAD_ARGUMENT',
    `set() ${NO_CALLBACK}`,
  ],
  ["get('k', callback)", (c) => c.get('k', load), 'MINTRING_BAD_ARGUMENT', `get() ${NO_CALLBACK}`],
  [
    "delete('k', callback)",
    (c) => c.delete('k', load),
    'MINTRING_BAD_ARGUMENT',
    `delete() ${NO_CALLBACK}`,
  ],
  [
    "incr('k', 1, callback)",
    (c) => c.incr('k', 1, load),
    'MINTRING_BAD_ARGUMENT',
    `incr() ${NO_CALLBACK}`,
  ],
  [
    'set: { lifetime: 60 }',
    (c) => c.set('k', 1, { lifetime: 60 }),
    'MINTRING_BAD_ARGUMENT',
    `set() has no option 'lifetime': ${WRITE_TTL}`,
  ],
  [
    'set: { expires: 60 }',
    (c) => c.set('k', 1, { expires: 60 }),
    'MINTRING_BAD_ARGUMENT',
    `set() has no option 'expires': ${WRITE_TTL}`,
  ],
  [
    'add: { expire: 60 }',
    (c) => c.add('k', 1, { expire: 60 }),
    'MINTRING_BAD_ARGUMENT',
    `add() has no option 'expire': ${WRITE_TTL}`,
  ],
  [
    'replace: { EX: 60 }',
    (c) => c.replace('k', 1, { EX: 60 }),
    'MINTRING_BAD_ARGUMENT',
    `replace() has no option 'EX': ${WRITE_TTL}`,
  ],
  [
    'cas: { expiration: 60 }',
    (c) => c.cas('k', 1, 1n, { expiration: 60 }),
    'MINTRING_BAD_ARGUMENT',
    `cas() has no option 'expiration': ${WRITE_TTL}`,
  ],
  [
    'setMany: { TTL: 60 }',
    (c) => c.setMany({ k: 1 }, { TTL: 60 }),
    'MINTRING_BAD_ARGUMENT',
    `setMany() has no option 'TTL': ${WRITE_TTL}`,
  ],
  [
    'set: { max_age: 60 }',
    (c) => c.set('k', 1, { max_age: 60 }),
    'MINTRING_BAD_ARGUMENT',
    `set() has no option 'max_age': ${WRITE_TTL}`,
  ],
  [
    'set: { tll: 60 }',
    (c) => c.set('k', 1, { tll: 60 }),
    'MINTRING_BAD_ARGUMENT',
    "set() has no option 'tll'. Did you mean 'ttl'?",
  ],
  [
    'get: { ttl: 60 }',
    (c) => c.get('k', { ttl: 60 }),
    'MINTRING_BAD_ARGUMENT',
    "get() has no option 'ttl': gat(key, ttl) reads a value and sets its ttl",
  ],
  [
    'get: { timeout: 100 }',
    (c) => c.get('k', { timeout: 100 }),
    'MINTRING_BAD_ARGUMENT',
    "get() has no option 'timeout': write { timeoutMs: 100 }, in milliseconds",
  ],
  [
    'get: { timeoutMs: 0 }',
    (c) => c.get('k', { timeoutMs: 0 }),
    'MINTRING_BAD_ARGUMENT',
    `${MS} 0`,
  ],
  [
    "get: { timeoutMs: '1s' }",
    (c) => c.get('k', { timeoutMs: '1s' }),
    'MINTRING_BAD_ARGUMENT',
    `${MS} a string`,
  ],
  [
    'get: { signal: controller }',
    (c) => c.get('k', { signal: controller }),
    'MINTRING_BAD_ARGUMENT',
    'signal must be an AbortSignal: pass controller.signal, or AbortSignal.timeout(ms)',
  ],
  [
    'get: { abortSignal }',
    (c) => c.get('k', { abortSignal: controller.signal }),
    'MINTRING_BAD_ARGUMENT',
    "get() has no option 'abortSignal': write { signal: controller.signal }",
  ],
  ['set: { ttl: -1 }', (c) => c.set('k', 1, { ttl: -1 }), 'MINTRING_BAD_TTL', `${TTL} -1`],
  ['set: { ttl: 1.5 }', (c) => c.set('k', 1, { ttl: 1.5 }), 'MINTRING_BAD_TTL', `${TTL} 1.5`],
  [
    "set: { ttl: '60' }",
    (c) => c.set('k', 1, { ttl: '60' }),
    'MINTRING_BAD_TTL',
    `${TTL} '60': write 60`,
  ],
  [
    "set: { ttl: '5 min' }",
    (c) => c.set('k', 1, { ttl: '5 min' }),
    'MINTRING_BAD_TTL',
    `${TTL} '5 min'`,
  ],
  [
    'set: { ttl: new Date() }',
    (c) => c.set('k', 1, { ttl: new Date(0) }),
    'MINTRING_BAD_TTL',
    `${TTL} a Date: write the seconds until then`,
  ],
  ['set: { ttl: null }', (c) => c.set('k', 1, { ttl: null }), 'MINTRING_BAD_TTL', `${TTL} null`],
  ["touch('k')", (c) => c.touch('k'), 'MINTRING_BAD_TTL', `${TTL} undefined`],
  ["touch('k', callback)", (c) => c.touch('k', load), 'MINTRING_BAD_TTL', `${TTL} a function`],
]

describe('options of other clients and of wrong types are refused before any I/O', () => {
  refuse(MISTAKES)
})
