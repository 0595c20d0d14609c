import { isMintringError, type MintringError, type OperationOptions } from '../../src/index.ts'
import { Dice } from '../fuzz/dice.ts'
import { CALL_MS, type Cell } from './cell.ts'

/** How a verb affects its key. This decides which outcomes are allowed when a connection fails. */
export type Kind =
  // Changes no value, and may run twice.
  | 'read'
  // Changes how long a value lives, and not the value.
  | 'touch'
  // Changes the value; done twice it is as good as done once.
  | 'write'
  // Changes the value, and must not be done twice.
  | 'once'
  // Loads the value if the cache cannot give it.
  | 'refill'
  // Has a connection of its own: a stream of lines.
  | 'stream'

/**
 * The final state of a key. `marked`: the old value, marked stale. `absent`: none, or loaded again.
 */
export type End = 'old' | 'new' | 'marked' | 'absent'

/** What a caller knows of one key afterwards. */
export type Fate = 'done' | 'denied' | 'unsent' | 'unknown'

/** The outcome of a call. */
export interface Outcome {
  readonly value?: unknown
  readonly error?: MintringError
}

/** A verb in the table, and the state of the key that it needs. */
export interface Subject {
  readonly name: string
  readonly kind: Kind
  /** What the key holds before; `page`: a value that a refill stored. */
  readonly before: 'value' | 'page' | 'number' | 'nothing'
  readonly isBatch?: boolean
  readonly shape?: Shape
  /** A text that the command of this verb contains: the test proxy recognizes the command by it. */
  readonly marker?: string
  readonly limitMs?: number
  readonly call: (cell: Cell, options: OperationOptions) => Promise<unknown>
  /** What is known of a key when the call resolved. */
  readonly fate: (value: unknown, key: string) => Fate | 'wrong'
  /** The states that a key may end in, by what the caller knows. A missing entry is never true. */
  readonly ends: Readonly<Partial<Record<Fate, readonly End[]>>>
  /**
   * Further outcomes that are correct if the host has lost the key, each with the final states that
   * are allowed then.
   */
  readonly ifLost?: Readonly<Partial<Record<Fate, readonly End[]>>>
}

export type Shape = 'small' | 'compressed' | 'split'

export const POLICY = {
  ttl: '1h',
  staleWhileRevalidate: '10m',
  lease: 2,
  jitter: 0,
  waitTimeoutMs: CALL_MS,
} as const

const NOISE = noise(4_000)

/** The value of a key before and after. */
export function textOf(which: 'old' | 'new', key: string, shape: Shape = 'small'): string {
  const head = `${which} value of ${key}`
  if (shape === 'compressed') return `${head} ${'again and '.repeat(300)}`
  return shape === 'split' ? `${head} ${NOISE}` : head
}

// `absent`: the client may delete a key that it could not change, because the caller wanted the old
// value replaced.
export const UNCHANGED = { done: ['old'], unsent: ['old'], unknown: ['old'] } as const
export const MISSED = { denied: ['old', 'absent'] } as const
export const STORED = { done: ['new'], unsent: ['old'], unknown: ['old', 'new', 'absent'] } as const
export const REWRITTEN = { ...STORED, unsent: ['old', 'absent'] } as const
export const REMOVED = {
  done: ['absent'],
  denied: ['absent'],
  unsent: ['old', 'absent'],
  unknown: ['old', 'absent'],
} as const
export const ADDED = { done: ['new'], unsent: ['absent'], unknown: ['absent', 'new'] } as const
// A caller that gives up ends its own wait, not the load.
export const LOADED = {
  done: ['new', 'absent'],
  unsent: ['new', 'absent'],
  unknown: ['new', 'absent'],
} as const

/** Returns the check of a read's result, which must be the old value, or a miss. */
export function tellsOld(read: (value: unknown) => unknown, shape?: Shape): Subject['fate'] {
  return (value, key) => {
    const seen = value === undefined ? undefined : read(value)
    if (seen === undefined || seen === null) return 'denied'
    return String(seen) === textOf('old', key, shape) ? 'done' : 'wrong'
  }
}

export const saysWhether: Subject['fate'] = (value) => {
  return value === true ? 'done' : value === false ? 'denied' : 'wrong'
}
export const perKey: Subject['fate'] = (value, key) => {
  const { failed } = value as { failed: Map<string, MintringError> }
  const error = failed.get(key)
  if (error !== undefined) return error.sent ? 'unknown' : 'unsent'
  const told = (value as Map<string, boolean>).get(key)
  return told === true ? 'done' : told === false ? 'denied' : 'wrong'
}
export const tellsNew: Subject['fate'] = (value, key) => {
  return value === textOf('new', key) ? 'done' : 'wrong'
}

/** What the caller knows of a key. */
export function fateOf(subject: Subject, outcome: Outcome, key: string): Fate | 'wrong' {
  if (outcome.error !== undefined) return outcome.error.sent ? 'unknown' : 'unsent'
  return subject.fate(outcome.value, key)
}

/** Stores what a verb needs before its call. `cell.token` becomes the CAS id of the key. */
export async function prepare(subject: Subject, cell: Cell): Promise<void> {
  const { client } = cell
  for (const key of subject.isBatch ? cell.keys : [cell.key]) {
    const old = textOf('old', key, subject.shape)
    if (subject.before === 'value') await client.set(key, old)
    else if (subject.before === 'number') await client.set(key, '10')
    else if (subject.before === 'page') await client.getOrSet(key, () => old, POLICY)
  }
  if (subject.name === 'cas') cell.token = (await client.gets(cell.key))!.cas
}

/** The current state of a key, in the words of the table; undefined when it is none of them. */
export async function endOf(subject: Subject, cell: Cell, key: string): Promise<End | undefined> {
  const old = subject.before === 'number' ? '10' : textOf('old', key, subject.shape)
  const isPage = subject.kind === 'refill' || subject.before === 'page'
  if (!isPage) {
    const value = await cell.reader.get(key)
    const after = { append: `${old} and more`, incr: '11', 'raw incr': '11' }[subject.name]
    if (value === undefined) return 'absent'
    if (String(value) === old) return 'old'
    return String(value) === (after ?? textOf('new', key, subject.shape)) ? 'new' : undefined
  }
  const { value, state } = await cell.reader.getOrSetEntry(key, () => 'reloaded', POLICY)
  if (value === 'reloaded') return 'absent'
  if (value === textOf('new', key)) return 'new'
  if (value !== old) return undefined
  return state === 'stale' ? 'marked' : 'old'
}

/** Only errors of the client are outcomes; every other error is a fault. */
export function outcomeOf(call: Promise<unknown>): Promise<Outcome> {
  return call.then(
    (value) => ({ value }),
    (error: unknown) => {
      if (isMintringError(error)) return { error }
      throw error
    },
  )
}

function noise(bytes: number): string {
  const dice = new Dice(3)
  return Buffer.from(Array.from({ length: bytes }, () => dice.below(256))).toString('base64url')
}
