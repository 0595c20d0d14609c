import { MAX_RELATIVE_TTL_SECONDS } from '../../protocol/limits.ts'
import { defaultRefillPolicy } from '../../refill/policy.ts'
import type { Row } from '../row.ts'

const DAY_MS = 86_400_000

/** The default policy of getOrSet, refresh and define. The policy of a call overrides it. */
export const refillRows: readonly Row[] = [
  {
    name: 'staleWhileRevalidate',
    type: 'seconds',
    unit: 's',
    default: defaultRefillPolicy.staleWhileRevalidate,
    min: 0,
    max: MAX_RELATIVE_TTL_SECONDS,
    live: 'now',
    doc: 'For how long after its TTL a stale value is served while one client refills it.',
  },
  {
    name: 'staleIfError',
    type: 'seconds',
    unit: 's',
    default: undefined,
    min: 0,
    max: MAX_RELATIVE_TTL_SECONDS,
    live: 'now',
    doc:
      'For how long after its TTL a stale value is served if the loader fails. ' +
      'Unset: the same as staleWhileRevalidate.',
  },
  {
    name: 'lease',
    type: 'seconds',
    unit: 's',
    default: defaultRefillPolicy.lease,
    min: 2,
    max: 86_400,
    live: 'now',
    doc:
      'How long a client may refill a key without a sign of life before another takes over. ' +
      'A live client renews its lease.',
  },
  {
    name: 'earlyRefresh',
    type: 'seconds',
    unit: 's',
    default: defaultRefillPolicy.earlyRefresh,
    words: ['auto'],
    typeText: "number | 'auto'",
    min: 0,
    max: MAX_RELATIVE_TTL_SECONDS,
    live: 'now',
    doc:
      'How long before the end of its TTL a value is refilled in the background. ' +
      '`auto`: as long before as recent loads took, at most half of the TTL.',
  },
  {
    name: 'jitter',
    type: 'number',
    default: defaultRefillPolicy.jitter,
    min: 0,
    max: 0.5,
    live: 'now',
    doc:
      'The largest share of a TTL that is randomly subtracted. ' +
      'Keys that were stored together then do not expire together.',
  },
  {
    name: 'staleTimeoutMs',
    type: 'integer',
    unit: 'ms',
    default: defaultRefillPolicy.staleTimeoutMs,
    min: 0,
    max: DAY_MS,
    live: 'now',
    doc: 'How long a caller waits for a fresh value before it gets the stale one.',
  },
  {
    name: 'loaderTimeoutMs',
    type: 'integer',
    unit: 'ms',
    default: defaultRefillPolicy.loaderTimeoutMs,
    min: 1,
    max: DAY_MS,
    live: 'now',
    doc: 'How long a loader may run before it is aborted.',
  },
  {
    name: 'waitTimeoutMs',
    type: 'integer',
    unit: 'ms',
    default: defaultRefillPolicy.waitTimeoutMs,
    min: 0,
    max: DAY_MS,
    live: 'now',
    doc: 'How long a caller waits for the load of another caller if there is no stale value.',
  },
  {
    name: 'onWaitTimeout',
    type: 'choice',
    choices: ['load', 'undefined', 'throw'],
    default: defaultRefillPolicy.onWaitTimeout,
    live: 'now',
    doc:
      'What a caller gets after waitTimeoutMs: an error (`throw`), `undefined`, or a value. ' +
      'With `load` the caller loads the value itself, without storing it.',
  },
  {
    name: 'errorBackoff',
    type: 'seconds',
    unit: 's',
    default: defaultRefillPolicy.errorBackoff,
    min: 0,
    max: 86_400,
    live: 'now',
    doc:
      'How long all processes wait after a failed load before the next attempt. ' +
      'During this wait callers get the stale value, or the error at once if there is none.',
  },
  {
    name: 'negativeTtl',
    type: 'seconds',
    unit: 's',
    default: defaultRefillPolicy.negativeTtl,
    choices: ['false'],
    typeText: 'number | false',
    min: 1,
    max: MAX_RELATIVE_TTL_SECONDS,
    live: 'now',
    doc:
      'How long a `null` from the loader is cached; `false` means not at all. ' +
      'A loader result of `undefined` is never cached.',
  },
  {
    name: 'sharedValues',
    type: 'boolean',
    default: defaultRefillPolicy.sharedValues,
    live: 'now',
    doc:
      'Whether callers that share a read or a load get the same object instead of one each. ' +
      'Sharing saves decoding, but a change that one caller makes is visible to the others.',
  },
  {
    name: 'placeholder',
    type: 'choice',
    choices: ['inline', 'sidecar'],
    default: defaultRefillPolicy.placeholder,
    live: 'now',
    doc:
      'Where to mark a key as being loaded: in its own item (`inline`), or in a second item. ' +
      'Use the second item (`sidecar`) for keys that nginx or other clients read.',
  },
]
