import { describe } from 'node:test'
import { load, type Mistake, refuse } from './support.ts'

const MISTAKES: readonly Mistake[] = [
  [
    'gat(k)',
    (c) => c.gat('k'),
    'MINTRING_BAD_TTL',
    "A TTL is whole seconds (300), or a whole number with s, m, h, d or w ('5m'), not undefined",
  ],
  [
    'get {as:"json"}',
    (c) => c.get('k', { as: 'json' }),
    'MINTRING_BAD_ARGUMENT',
    "as must be 'buffer', or be left out for the decoded value, not 'json'",
  ],
  [
    'getOrSet(k, value, policy)',
    (c) => c.getOrSet('k', 42, { ttl: 60 }),
    'MINTRING_BAD_ARGUMENT',
    'getOrSet() needs a loader function, not a number: getOrSet(key, loader, { ttl: 60 })',
  ],
  [
    'getOrSet(k, promise, policy)',
    (c) => c.getOrSet('k', load(), { ttl: 60 }),
    'MINTRING_BAD_ARGUMENT',
    'getOrSet() needs a loader function, not an object: getOrSet(key, loader, { ttl: 60 })',
  ],
  [
    'getOrSet(k, load, {ttl:0})',
    (c) => c.getOrSet('k', load, { ttl: 0 }),
    'MINTRING_BAD_POLICY',
    "Bad refill policy: ttl must be whole seconds (at least 1) or such as '5m', not 0",
  ],
  [
    'getOrSet ttl "60"',
    (c) => c.getOrSet('k', load, { ttl: '60' }),
    'MINTRING_BAD_POLICY',
    "Bad refill policy: ttl must be whole seconds (at least 1) or such as '5m', not '60': write 60",
  ],
  [
    'getOrSet ttl 1.5',
    (c) => c.getOrSet('k', load, { ttl: 1.5 }),
    'MINTRING_BAD_POLICY',
    "Bad refill policy: ttl must be whole seconds (at least 1) or such as '5m', not 1.5",
  ],
  [
    'getOrSet no ttl',
    (c) => c.getOrSet('k', load, {}),
    'MINTRING_BAD_POLICY',
    'Bad refill policy: it needs a ttl, such as { ttl: 60 }',
  ],
  [
    'getOrSet {swr}',
    (c) => c.getOrSet('k', load, { ttl: 60, swr: 30 }),
    'MINTRING_BAD_POLICY',
    "Bad refill policy: there is no 'swr': write { staleWhileRevalidate: 600 }, in seconds",
  ],
  [
    'getOrSet {grace}',
    (c) => c.getOrSet('k', load, { ttl: 60, grace: 30 }),
    'MINTRING_BAD_POLICY',
    "Bad refill policy: there is no 'grace': write { staleWhileRevalidate: 600 }, in seconds",
  ],
  [
    'getOrSet {lockTimeout}',
    (c) => c.getOrSet('k', load, { ttl: 60, lockTimeout: 30 }),
    'MINTRING_BAD_POLICY',
    "Bad refill policy: there is no 'lockTimeout': write { lease: 10 }, in seconds",
  ],
  [
    'getOrSet lease 1',
    (c) => c.getOrSet('k', load, { ttl: 60, lease: 1 }),
    'MINTRING_BAD_POLICY',
    "Bad refill policy: lease must be whole seconds (2 to 86400) or such as '5m', not 1",
  ],
  [
    'getOrSet jitter 5',
    (c) => c.getOrSet('k', load, { ttl: 60, jitter: 5 }),
    'MINTRING_BAD_POLICY',
    'Bad refill policy: jitter must be 0 to 0.5, not 5',
  ],
  [
    'getOrSet early > ttl',
    (c) => c.getOrSet('k', load, { ttl: 60, earlyRefresh: 90 }),
    'MINTRING_BAD_POLICY',
    'Bad refill policy: earlyRefresh (90) must be below ttl (60)',
  ],
  [
    'getOrSet onWaitTimeout null',
    (c) => c.getOrSet('k', load, { ttl: 60, onWaitTimeout: 'null' }),
    'MINTRING_BAD_POLICY',
    "Bad refill policy: onWaitTimeout must be 'load' or 'undefined' or 'throw', not 'null'",
  ],
  [
    'getOrSet waitTimeoutMs "5s"',
    (c) => c.getOrSet('k', load, { ttl: 60, waitTimeoutMs: '5s' }),
    'MINTRING_BAD_POLICY',
    "Bad refill policy: waitTimeoutMs must be whole milliseconds, such as 5000, not '5s'",
  ],
  [
    'getOrSet negativeTtl true',
    (c) => c.getOrSet('k', load, { ttl: 60, negativeTtl: true }),
    'MINTRING_BAD_POLICY',
    "Bad refill policy: negativeTtl must be whole seconds (at least 1) or such as '5m', not true",
  ],
  [
    'getOrSet tags string',
    (c) => c.getOrSet('k', load, { ttl: 60, tags: 'product' }),
    'MINTRING_BAD_POLICY',
    "tags must be an array of strings, not a string: write ['product']",
  ],
  [
    'getOrSet tags [1]',
    (c) => c.getOrSet('k', load, { ttl: 60, tags: [1] }),
    'MINTRING_BAD_POLICY',
    'a tag must be a string, not a number',
  ],
  [
    'getOrSet tags [""]',
    (c) => c.getOrSet('k', load, { ttl: 60, tags: [''] }),
    'MINTRING_BAD_POLICY',
    'a tag must not be empty',
  ],
  [
    'getOrSet tags set',
    (c) => c.getOrSet('k', load, { ttl: 60, tags: new Set(['a']) }),
    'MINTRING_BAD_POLICY',
    'tags must be an array of strings, not an object: write [...tags]',
  ],
  [
    'getOrSet tags many',
    (c) => c.getOrSet('k', load, { ttl: 60, tags: Array.from({ length: 200 }, (_, i) => `t${i}`) }),
    'MINTRING_BAD_POLICY',
    'a value must have at most 128 tags, not 200: give it one tag for what changes together',
  ],
  [
    'getOrSet {tag}',
    (c) => c.getOrSet('k', load, { ttl: 60, tag: 'a' }),
    'MINTRING_BAD_POLICY',
    "Bad refill policy: there is no 'tag': write { tags: ['product:17'] }",
  ],
  [
    'getOrSetMany("k")',
    (c) => c.getOrSetMany('k', load, { ttl: 60 }),
    'MINTRING_BAD_ARGUMENT',
    'getOrSetMany() takes an array of keys, not a string: write [key]',
  ],
  [
    'getOrSetMany(set)',
    (c) => c.getOrSetMany(new Set(['k']), load, { ttl: 60 }),
    'MINTRING_BAD_ARGUMENT',
    'getOrSetMany() takes an array of keys, not an object: write [...keys]',
  ],
  [
    'getOrSetMany no loader',
    (c) => c.getOrSetMany(['k'], { ttl: 60 }),
    'MINTRING_BAD_ARGUMENT',
    'getOrSetMany() needs a loader function, not an object: getOrSetMany(keys, loader, ' +
      '{ ttl: 60 })',
  ],
  [
    'refresh(k,{ttl})',
    (c) => c.refresh('k', { ttl: 60 }),
    'MINTRING_BAD_ARGUMENT',
    'refresh() needs a loader function, not an object: refresh(key, loader, { ttl: 60 })',
  ],
  [
    'refresh no policy',
    (c) => c.refresh('k', load),
    'MINTRING_BAD_POLICY',
    'Bad refill policy: it must be an object, such as { ttl: 60 }, not undefined',
  ],
  [
    'invalidate()',
    (c) => c.invalidate(),
    'MINTRING_BAD_ARGUMENT',
    'invalidate() takes a key or an array of keys, not undefined',
  ],
  [
    'invalidate set',
    (c) => c.invalidate(new Set(['a'])),
    'MINTRING_BAD_ARGUMENT',
    'invalidate() takes a key or an array of keys, not an object: write [...keys]',
  ],
  [
    'invalidate(k,{hard:true})',
    (c) => c.invalidate('k', { hard: true }),
    'MINTRING_BAD_POLICY',
    "Bad refill policy: there is no 'hard': pass it to invalidateTags(tags, { hard: true })",
  ],
  [
    'invalidateTags()',
    (c) => c.invalidateTags(),
    'MINTRING_BAD_POLICY',
    'tags must be an array of strings, not undefined',
  ],
  [
    'invalidateTags(a, true)',
    (c) => c.invalidateTags('a', true),
    'MINTRING_BAD_ARGUMENT',
    'The options of invalidateTags() are an object, not a boolean: write { hard: true }',
  ],
  [
    'invalidateTags hard "yes"',
    (c) => c.invalidateTags('a', { hard: 'yes' }),
    'MINTRING_BAD_ARGUMENT',
    'invalidateTags(): hard must be true or false, not a string',
  ],
  [
    'invalidateTags(a,b)',
    (c) => c.invalidateTags('a', 'b'),
    'MINTRING_BAD_ARGUMENT',
    "invalidateTags() takes its tags as one array: invalidateTags(['a', 'b'])",
  ],
  [
    'tagVersions()',
    (c) => c.tagVersions(),
    'MINTRING_BAD_POLICY',
    'tags must be an array of strings, not undefined',
  ],
  [
    'tagVersions(a, { hard })',
    (c) => c.tagVersions('a', { hard: true }),
    'MINTRING_BAD_ARGUMENT',
    "tagVersions() has no option 'hard': pass it to invalidateTags(tags, { hard: true })",
  ],
  [
    'define()',
    (c) => c.define(),
    'MINTRING_BAD_ARGUMENT',
    "define() takes one object, not undefined: define({ key: 'page:1', loader, ttl: 60 })",
  ],
  [
    'define({})',
    (c) => c.define({}),
    'MINTRING_BAD_ARGUMENT',
    "define() needs a key: a string, or a function that returns one: define({ key: 'page:1', " +
      'loader, ttl: 60 })',
  ],
  [
    'define load',
    (c) => c.define({ key: 'k', load, ttl: 5 }),
    'MINTRING_BAD_ARGUMENT',
    "define() needs a loader function, not undefined: define({ key: 'page:1', loader, " +
      'ttl: 60 })',
  ],
  [
    'getOrSet waitUntil 5',
    (c) => c.getOrSet('k', load, { ttl: 5, waitUntil: 5 }),
    'MINTRING_BAD_ARGUMENT',
    'waitUntil must be a function, such as (work) => context.waitUntil(work), not a number',
  ],
  [
    'define {swr}',
    (c) => c.define({ key: () => 'k', loader: load, ttl: 5, swr: 5 }),
    'MINTRING_BAD_POLICY',
    "Bad refill policy: there is no 'swr': write { staleWhileRevalidate: 600 }, in seconds",
  ],
  [
    'define no ttl',
    (c) => c.define({ key: 'k', loader: load }),
    'MINTRING_BAD_POLICY',
    'Bad refill policy: it needs a ttl, such as { ttl: 60 }',
  ],
  [
    'define(key, loader, policy)',
    (c) => c.define('k', load, { ttl: 5 }),
    'MINTRING_BAD_ARGUMENT',
    "define() takes one object, not a string: define({ key: 'page:1', loader, ttl: 60 })",
  ],
]

describe('invalid calls of refill verbs and tags are refused before any I/O', () => {
  refuse(MISTAKES)
})
