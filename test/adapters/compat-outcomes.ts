import assert from 'node:assert/strict'
import { inspect } from 'node:util'

/** A call: method and arguments. */
export type Call = readonly [method: string, ...words: unknown[]]

/** The outcome of a call: everything that a caller can see of it. */
export interface Outcome {
  thrown?: string
  /** The arguments of the callback; errors by their message. */
  told?: unknown[]
  /** `this` in the callback: the members of the command. */
  self?: unknown
  /** The callback ran before the call returned. */
  atOnce?: boolean
  /** The callback never ran. */
  silent?: true
}

const SILENCE_MS = 400

/** A call as text, for messages. */
export function shown(call: Call): string {
  return call
    .map((word) => (typeof word === 'string' ? word : inspect(word)))
    .join(' ')
    .slice(0, 90)
}

/** The outcomes of calls, made one after the other on an empty server. */
export async function outcomes(
  client: object,
  calls: readonly Call[],
  [server]: readonly string[],
): Promise<Outcome[]> {
  const all: Outcome[] = []
  await outcomeOf(client, ['flush'])
  for (const [method, ...words] of calls) {
    const known = words.map((word) => (word === 'SERVER' ? server : word))
    all.push(await outcomeOf(client, [method, ...known]))
  }
  ;(client as { end(): void }).end()
  return all
}

/** The outcome of one call. */
export function outcomeOf(client: object, [method, ...words]: Call): Promise<Outcome> {
  return new Promise((resolve) => {
    const silence = setTimeout(resolve, SILENCE_MS, { silent: true })
    let isReturned = false
    const finish = (outcome: Outcome): void => {
      clearTimeout(silence)
      resolve(outcome)
    }
    function callback(this: unknown, ...told: unknown[]): void {
      finish({ told: told.map(plain), self: membersOf(this), atOnce: !isReturned })
    }
    try {
      const methods = client as Record<string, (...all: unknown[]) => void>
      methods[method]?.(...words, callback)
    } catch (error) {
      finish({ thrown: String(error) })
    }
    isReturned = true
  })
}

/**
 * Checks an outcome against the expected fields. A regular expression must match the text of the
 * command; other values must be equal.
 */
export function checkOutcome(came: Outcome, expected: object): void {
  for (const [name, value] of Object.entries(expected)) {
    const is = came[name as keyof Outcome]
    if (value instanceof RegExp) assert.match(String((is as { command: string }).command), value)
    else assert.deepEqual(JSON.parse(JSON.stringify(is ?? null)), value)
  }
}

/** The outcome as JSON can represent it. */
function plain(told: unknown): unknown {
  if (told === undefined) return '(undefined)'
  if (Buffer.isBuffer(told)) return `bytes ${told.toString('hex')}`
  if (typeof told === 'number') return `number ${told}`
  if (Array.isArray(told)) return told.map(plain)
  if (Object.prototype.toString.call(told) === '[object Error]') {
    const { message, notStored } = told as Error & { notStored?: boolean }
    return { message, notStored }
  }
  if (typeof told !== 'object' || told === null) return told
  // The order of keys is the order of the servers' replies; CAS ids and statistics vary.
  const members = Object.entries(told).map(([name, value]) => [name, plain(value)] as const)
  return Object.fromEntries(members.sort(([one], [two]) => (one < two ? -1 : 1)).map(changing))
}

const CHANGES =
  /^(cas|age|oldest|evicted_time|number|get_hits|cmd_set|total_malloced|used_chunks|free_chunks)/

function changing([name, value]: readonly [string, unknown]): [string, unknown] {
  return [name, CHANGES.test(name) ? typeof value : value]
}

function membersOf(self: unknown): unknown {
  if (typeof self !== 'object' || self === null || !('type' in self)) return typeof self
  const { start, execution, callback, ...rest } = self as Record<string, unknown>
  const all = { ...rest, times: [typeof start, typeof execution], callback: typeof callback }
  return Object.fromEntries(Object.entries(all).sort(([one], [two]) => (one < two ? -1 : 1)))
}
