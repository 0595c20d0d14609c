import { describe } from 'node:test'
import { type Loose, load, type Mistake, OBJECT, refuse, WRITE_TTL } from './support.ts'

const BAD = 'MINTRING_BAD_ARGUMENT'
const first = (lines: AsyncIterable<unknown>): unknown => lines[Symbol.asyncIterator]().next()
const warm = (c: Loose, options: unknown): unknown => c.warm(['k'], load, options)

const MISTAKES: readonly Mistake[] = [
  [
    "on('ejct', f)",
    (c) => c.on('ejct', load),
    BAD,
    "There is no event 'ejct'. Did you mean 'eject'?",
  ],
  [
    "on('error', f)",
    (c) => c.on('error', load),
    BAD,
    "There is no event 'error': failed calls reject; see also on('eject') and on('warning')",
  ],
  [
    "off('Return', f)",
    (c) => c.off('Return', load),
    BAD,
    "There is no event 'Return'. Did you mean 'return'?",
  ],
  [
    "on('eject')",
    (c) => c.on('eject'),
    BAD,
    "A listener of 'eject' must be a function, not undefined",
  ],
  [
    'view({})',
    (c) => c.view({}),
    BAD,
    'view() needs keys: an object with wireKey() and routeKey(), or a keyPrefix',
  ],
  [
    'view()',
    (c) => c.view(),
    BAD,
    'view() needs keys: an object with wireKey() and routeKey(), or a keyPrefix',
  ],
  [
    'view({ keyPrefix: 5 })',
    (c) => c.view({ keyPrefix: 5 }),
    BAD,
    "keyPrefix must be text such as 'user:', not a number",
  ],
  [
    "view({ keyPrefix: '' })",
    (c) => c.view({ keyPrefix: '' }),
    BAD,
    "keyPrefix must be text such as 'user:', not ''",
  ],
  [
    "view({ keyPrefix: 'a b' })",
    (c) => c.view({ keyPrefix: 'a b' }),
    'MINTRING_BAD_KEY',
    "The key 'a b' must not have spaces or control characters: 0x20 is at byte 1 " +
      '(replace them, or use encodeURIComponent())',
  ],
  [
    "view({ keyPrefix: 'a:', keys })",
    (c) => c.view({ keyPrefix: 'a:', keys: { wireKey: String, routeKey: String } }),
    BAD,
    'view() takes keys or keyPrefix, not both',
  ],
  [
    "view({ keyPrefix: 'a:', codec: {} })",
    (c) => c.view({ keyPrefix: 'a:', codec: {} }),
    BAD,
    'view() needs codec: an object with encode() and decode()',
  ],
  [
    "watch('bogus')",
    (c) => first(c.watch('bogus')),
    BAD,
    "watch() has no topic 'bogus'. There is fetchers, mutations, evictions, connevents, " +
      'proxyreqs, proxyevents, proxyuser, deletions.',
  ],
  [
    "watch('eviction')",
    (c) => first(c.watch('eviction')),
    BAD,
    "watch() has no topic 'eviction'. Did you mean 'evictions'?",
  ],
  ['watch()', (c) => first(c.watch()), BAD, "watch() takes topics, such as ['evictions']"],
  [
    'warm: { concurency }',
    (c) => warm(c, { concurency: 4 }),
    BAD,
    "warm() has no option 'concurency'. Did you mean 'concurrency'?",
  ],
  [
    'warm: { rate }',
    (c) => warm(c, { rate: 4 }),
    BAD,
    "warm() has no option 'rate': write { perSecond: 100 }",
  ],
  [
    'warm(keys, load, 60)',
    (c) => warm(c, 60),
    BAD,
    `The options of warm() ${OBJECT} a number: ${WRITE_TTL}`,
  ],
  [
    "set('k', 1, new Date())",
    (c) => c.set('k', 1, new Date(0)),
    BAD,
    `The options of set() ${OBJECT} a Date: ${WRITE_TTL}`,
  ],
  [
    "set('k', 1, new Map([['ttl', 60]]))",
    (c) => c.set('k', 1, new Map([['ttl', 60]])),
    BAD,
    `The options of set() ${OBJECT} a Map: ${WRITE_TTL}`,
  ],
  [
    "get('k', controller.signal)",
    (c) => c.get('k', new AbortController().signal),
    BAD,
    `The options of get() ${OBJECT} an AbortSignal: write { signal: controller.signal }`,
  ],
]

describe('mistakes that new users often make are refused before any I/O', () => {
  refuse(MISTAKES)
})
