import { describe } from 'node:test'
import { load, type Mistake, refuse } from './support.ts'

const MISTAKES: readonly Mistake[] = [
  [
    'touch(k, {ttl:60})',
    (c) => c.touch('k', { ttl: 60 }),
    'MINTRING_BAD_TTL',
    "A TTL is whole seconds (300), or a whole number with s, m, h, d or w ('5m'), not an " +
      'object: write 60',
  ],
  [
    'gats(k, "1 hour")',
    (c) => c.gats('k', '1 hour'),
    'MINTRING_BAD_TTL',
    "A TTL is whole seconds (300), or a whole number with s, m, h, d or w ('5m'), not '1 hour'",
  ],
  [
    'set(k, v, {ttl: Infinity})',
    (c) => c.set('k', 1, { ttl: Infinity }),
    'MINTRING_BAD_TTL',
    "A TTL is whole seconds (300), or a whole number with s, m, h, d or w ('5m'), not " +
      'Infinity: write 0 for no expiry',
  ],
  [
    'set(k, v, {ttl: 60n})',
    (c) => c.set('k', 1, { ttl: 60n }),
    'MINTRING_BAD_TTL',
    "A TTL is whole seconds (300), or a whole number with s, m, h, d or w ('5m'), not a " +
      'bigint: write 60',
  ],
  [
    'set(k, v, {nx:true})',
    (c) => c.set('k', 1, { nx: true }),
    'MINTRING_BAD_ARGUMENT',
    "set() has no option 'nx': add() stores a value only if there is none",
  ],
  [
    'set(k, v, {tags})',
    (c) => c.set('k', 1, { tags: ['a'] }),
    'MINTRING_BAD_ARGUMENT',
    "set() has no option 'tags': values get tags from getOrSet(), getOrSetMany() and refresh()",
  ],
  [
    'set(k,v,{cas})',
    (c) => c.set('k', 1, { cas: 1n }),
    'MINTRING_BAD_ARGUMENT',
    "set() has no option 'cas': cas() stores a value if its CAS id is still the same",
  ],
  [
    'set(k,v,{compress})',
    (c) => c.set('k', 1, { compress: true }),
    'MINTRING_BAD_ARGUMENT',
    "set() has no option 'compress': the behavior compressAboveBytes sets which values are " +
      'compressed',
  ],
  [
    'set(k, new Response)',
    (c) => c.set('k', new Response('x')),
    'MINTRING_BAD_VALUE',
    'a Response (JSON keeps nothing of it) cannot be stored as JSON without loss: convert ' +
      'it first, or set a serializer',
  ],
  [
    'append(k, 5)',
    (c) => c.append('k', 5),
    'MINTRING_BAD_VALUE',
    'append() takes a string or bytes, not a number: write String(value)',
  ],
  [
    'incr(k, {initial})',
    (c) => c.incr('k', { initial: 1 }),
    'MINTRING_BAD_ARGUMENT',
    'delta must be a bigint or a safe integer, from 0 to 2^64-1, not an object, which ' +
      'comes after it: incr(key, 1, { initial: 1 })',
  ],
  [
    'incr {default}',
    (c) => c.incr('k', 1, { default: 0 }),
    'MINTRING_BAD_ARGUMENT',
    "incr() has no option 'default': write { initial: 1 }",
  ],
  [
    'cas(k,v)',
    (c) => c.cas('k', 1),
    'MINTRING_BAD_ARGUMENT',
    'a CAS id is the bigint that gets() returns as .cas, not undefined',
  ],
  [
    'cas(k,v,entry)',
    (c) => c.cas('k', 1, { value: 1, cas: 1n }),
    'MINTRING_BAD_ARGUMENT',
    'a CAS id is the bigint that gets() returns as .cas, not an object: pass its .cas',
  ],
  [
    'getMany([a], cb)',
    (c) => c.getMany(['a'], load),
    'MINTRING_BAD_ARGUMENT',
    'getMany() returns a promise and calls no callback: await it, or use mintring/compat ' +
      'for callbacks',
  ],
  [
    'delete([a,b])',
    (c) => c.delete(['a', 'b']),
    'MINTRING_BAD_KEY',
    'The key must be a string, not an array: getMany() and deleteMany() take several',
  ],
  [
    'warm("k")',
    (c) => c.warm('k', load, { ttl: 5 }),
    'MINTRING_BAD_ARGUMENT',
    'warm: keys must be an array or another iterable, not one string: write [key]',
  ],
  [
    'warm no loader',
    (c) => c.warm(['k'], { ttl: 60 }),
    'MINTRING_BAD_ARGUMENT',
    'warm: the loader must be a function, not an object: warm(keys, loader, { ttl: 60 })',
  ],
  [
    'warmFromPrevious',
    (c) => c.warmFromPrevious(),
    'MINTRING_BAD_ARGUMENT',
    'No handover is in progress. Call warmFromPrevious() after setServers(), or on a ' +
      'client created with previous',
  ],
  [
    'warmFromPrevious {perSec}',
    (c) => c.warmFromPrevious({ perSec: 5 }),
    'MINTRING_BAD_ARGUMENT',
    "warmFromPrevious() has no option 'perSec'. There is concurrency, perSecond, " +
      'resumeFrom, signal, onError, onProgress.',
  ],
  [
    'raw()',
    (c) => c.raw(),
    'MINTRING_BAD_ARGUMENT',
    "raw() takes a key or a host, and then a command: raw('k', 'get', 'k')",
  ],
  [
    'raw injection',
    (c) => c.raw('k', 'get', 'k\r\nflush_all'),
    'MINTRING_BAD_ARGUMENT',
    'a raw command must be one line of 1 to 2048 bytes, without control characters',
  ],
  [
    'flushAll {delay:"5s"}',
    (c) => c.flushAll({ delay: '5s' }),
    'MINTRING_BAD_ARGUMENT',
    'delay must be an integer from 0 to 2147483647, not "5s"',
  ],
  [
    'slabs({automove:true})',
    (c) => c.slabs({ automove: true }),
    'MINTRING_BAD_ARGUMENT',
    'automove must be an integer from 0 to 2, not true',
  ],
  ['shutdown()', (c) => c.shutdown(), 'MINTRING_BAD_ARGUMENT', 'name a host, one of 127.0.0.1:1'],
  [
    'metadump unknown host',
    (c) => c.metadump({ host: 'nope' })[Symbol.asyncIterator]().next(),
    'MINTRING_BAD_ARGUMENT',
    "no host is named 'nope'; the hosts are 127.0.0.1:1",
  ],
  [
    "lruCrawler({enabled:'no'})",
    (c) => c.lruCrawler({ enabled: 'no' }),
    'MINTRING_BAD_ARGUMENT',
    'lruCrawler(): enabled must be true or false, not a string',
  ],
  [
    "meta.mg('k', { v: 'no' })",
    (c) => c.meta.mg('k', { v: 'no' }),
    'MINTRING_BAD_ARGUMENT',
    'mg(): v must be true or false, not a string',
  ],
  [
    "meta.md('k', { I: 1 })",
    (c) => c.meta.md('k', { I: 1 }),
    'MINTRING_BAD_ARGUMENT',
    'md(): I must be true or false, not a number',
  ],
  [
    'shutdown {graceful:1}',
    (c) => c.shutdown('127.0.0.1:1', { graceful: 1 }),
    'MINTRING_BAD_ARGUMENT',
    'shutdown(): graceful must be true or false, not a number',
  ],
  [
    'close drainMs "1s"',
    (c) => c.close({ drainMs: '1s' }),
    'MINTRING_BAD_ARGUMENT',
    'close(): drainMs must be milliseconds, 0 or more, not a string',
  ],
  [
    'close {force}',
    (c) => c.close({ force: true }),
    'MINTRING_BAD_ARGUMENT',
    "close() has no option 'force'. There is drainMs.",
  ],
]

describe('verbs refuse arguments of wrong types before any I/O', () => {
  refuse(MISTAKES)
})
