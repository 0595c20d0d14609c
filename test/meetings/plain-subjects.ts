import {
  ADDED,
  MISSED,
  perKey,
  REMOVED,
  REWRITTEN,
  type Shape,
  STORED,
  type Subject,
  saysWhether,
  tellsOld,
  textOf,
  UNCHANGED,
} from './subject.ts'

const same = (value: unknown): unknown => value

function reading(name: string, read: (value: unknown) => unknown, call: Subject['call']): Subject {
  const fate = tellsOld(read)
  return { name, kind: 'read', before: 'value', call, fate, ends: UNCHANGED, ifLost: MISSED }
}

function storing(name: string, shape: Shape): Subject {
  return {
    name,
    kind: 'write',
    before: 'value',
    shape,
    marker: shape === 'split' ? '~chunk~' : '',
    call: ({ client, key }, options) => client.set(key, textOf('new', key, shape), options),
    fate: saysWhether,
    ends: REWRITTEN,
  }
}

/** Verbs that change no value. */
export const reads: readonly Subject[] = [
  reading('get', same, ({ client, key }, options) => client.get(key, options)),
  reading('gets', valueIn, ({ client, key }, options) => client.gets(key, options)),
  {
    ...reading('gat', same, ({ client, key }, options) => client.gat(key, '1h', options)),
    kind: 'touch',
  },
  reading('meta.mg', valueIn, ({ client, key }, options) => {
    return client.meta.mg(key, { v: true }, options)
  }),
  reading('raw get', firstData, ({ client, key }, options) => client.raw(key, 'get', key, options)),
  {
    ...reading('get of a split value', same, ({ client, key }, options) => {
      return client.get(key, options)
    }),
    shape: 'split',
    fate: tellsOld(same, 'split'),
  },
  {
    ...reading('get of a compressed value', same, ({ client, key }, options) => {
      return client.get(key, options)
    }),
    shape: 'compressed',
    fate: tellsOld(same, 'compressed'),
  },
  {
    ...reading('touch', same, ({ client, key }, options) => client.touch(key, '1h', options)),
    kind: 'touch',
    fate: saysWhether,
  },
  {
    ...reading('getMany', same, ({ client, keys }, options) => {
      return client.getManyDetailed(keys, options)
    }),
    isBatch: true,
    fate: (value, key) => {
      const outcomes = value as Map<string, unknown> & { failed: Map<string, unknown> }
      if (outcomes.failed.has(key)) return 'unknown'
      return tellsOld(same)(outcomes.get(key), key)
    },
  },
]

/** Verbs that may run twice. */
export const writes: readonly Subject[] = [
  storing('set', 'small'),
  storing('set of a compressed value', 'compressed'),
  storing('set of a split value', 'split'),
  {
    name: 'delete',
    kind: 'write',
    before: 'value',
    call: ({ client, key }, options) => client.delete(key, options),
    fate: saysWhether,
    ends: REMOVED,
  },
  {
    name: 'setMany',
    kind: 'write',
    before: 'value',
    isBatch: true,
    call: ({ client, keys }, options) => {
      return client.setMany(new Map(keys.map((key) => [key, textOf('new', key)])), options)
    },
    fate: perKey,
    ends: REWRITTEN,
  },
  {
    name: 'deleteMany',
    kind: 'write',
    before: 'value',
    isBatch: true,
    call: ({ client, keys }, options) => client.deleteMany(keys, options),
    fate: perKey,
    ends: REMOVED,
  },
]

/** Verbs that must not run twice. */
export const once: readonly Subject[] = [
  {
    name: 'add',
    kind: 'once',
    before: 'nothing',
    call: ({ client, key }, options) => client.add(key, textOf('new', key), options),
    fate: saysWhether,
    ends: ADDED,
  },
  {
    name: 'add of a key that is taken',
    kind: 'once',
    before: 'value',
    call: ({ client, key }, options) => client.add(key, textOf('new', key), options),
    fate: saysWhether,
    ends: { denied: ['old'], unsent: ['old'], unknown: ['old'] },
    ifLost: { done: ['new'], unknown: ['old', 'new', 'absent'] },
  },
  {
    name: 'replace',
    kind: 'once',
    before: 'value',
    call: ({ client, key }, options) => client.replace(key, textOf('new', key), options),
    fate: saysWhether,
    ends: STORED,
    ifLost: { denied: ['absent', 'old'] },
  },
  {
    name: 'cas',
    kind: 'once',
    before: 'value',
    call: async ({ client, key, token }, options) => {
      return client.cas(key, textOf('new', key), token, options)
    },
    fate: (value) => (value === 'stored' ? 'done' : 'denied'),
    ends: STORED,
    ifLost: { denied: ['absent', 'old'] },
  },
  {
    name: 'append',
    kind: 'once',
    before: 'value',
    call: ({ client, key }, options) => client.append(key, ' and more', options),
    fate: saysWhether,
    ends: STORED,
    ifLost: { denied: ['absent', 'old'] },
  },
  {
    name: 'incr',
    kind: 'once',
    before: 'number',
    call: ({ client, key }, options) => client.incr(key, 1, options),
    fate: (value) => (value === 11n ? 'done' : value === undefined ? 'denied' : 'wrong'),
    ends: STORED,
    ifLost: { denied: ['absent', 'old'] },
  },
  {
    name: 'raw incr',
    kind: 'once',
    before: 'number',
    call: ({ client, key }, options) => client.raw(key, 'incr', key, 1, options),
    fate: (value) => {
      const [{ line }] = value as [{ line: string }]
      return line === '11' ? 'done' : line === 'NOT_FOUND' ? 'denied' : 'wrong'
    },
    ends: STORED,
    ifLost: { denied: ['absent', 'old'] },
  },
  {
    name: 'meta.ms',
    kind: 'once',
    before: 'value',
    call: ({ client, key }, options) => client.meta.ms(key, textOf('new', key), {}, options),
    fate: (value) => ((value as { status: string }).status === 'done' ? 'done' : 'denied'),
    ends: STORED,
  },
]

function valueIn(entry: unknown): unknown {
  return (entry as { value?: unknown }).value
}

function firstData(replies: unknown): unknown {
  return (replies as readonly { data?: Buffer }[])[0]?.data
}
