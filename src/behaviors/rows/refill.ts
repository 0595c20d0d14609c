import { MAX_RELATIVE_TTL_SECONDS } from '../../protocol/limits.ts'
import { defaultRefillPolicy } from '../../refill/policy.ts'
import type { Row } from '../row.ts'

const DAY_MS = 86_400_000

/** What getOrSet, refresh and define do unless their own policy says otherwise. */
export const refillRows: readonly Row[] = [
  {
    name: 'staleWhileRevalidate',
    type: 'seconds',
    unit: 's',
    default: defaultRefillPolicy.staleWhileRevalidate,
    min: 0,
    max: MAX_RELATIVE_TTL_SECONDS,
    live: 'now',
    doc: 'How long after its TTL a value is served stale while one client refills it.',
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
      'How long after its TTL a value is served when the loader fails. Unset: as ' +
      'staleWhileRevalidate.',
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
      'After how long another client takes over from a refiller that died. A live one renews ' +
      'it.',
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
      'How long before its TTL ends a value is refilled in the background. `auto`: as long as ' +
      'loads are seen to take, at most half of the TTL.',
  },
  {
    name: 'jitter',
    type: 'number',
    default: defaultRefillPolicy.jitter,
    min: 0,
    max: 0.5,
    live: 'now',
    doc:
      'The share of a TTL that chance may take off, so that keys stored together do not expire ' +
      'together.',
  },
  {
    name: 'staleTimeoutMs',
    type: 'integer',
    unit: 'ms',
    default: defaultRefillPolicy.staleTimeoutMs,
    min: 0,
    max: DAY_MS,
    live: 'now',
    doc: 'How long a caller waits for the fresh value before it gets the stale one.',
  },
  {
    name: 'loaderTimeoutMs',
    type: 'integer',
    unit: 'ms',
    default: defaultRefillPolicy.loaderTimeoutMs,
    min: 1,
    max: DAY_MS,
    live: 'now',
    doc: 'After how long a loader is aborted.',
  },
  {
    name: 'waitTimeoutMs',
    type: 'integer',
    unit: 'ms',
    default: defaultRefillPolicy.waitTimeoutMs,
    min: 0,
    max: DAY_MS,
    live: 'now',
    doc: 'How long a caller waits for the load of another caller when it cannot be served.',
  },
  {
    name: 'onWaitTimeout',
    type: 'choice',
    choices: ['load', 'undefined', 'throw'],
    default: defaultRefillPolicy.onWaitTimeout,
    live: 'now',
    doc:
      'What a caller gets when that wait is over: its own load (not stored), `undefined`, or an ' +
      'error.',
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
      'How long the whole fleet waits after a failed load before it tries again. A stale value ' +
      'is served meanwhile; without one callers get the error at once.',
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
      'How long a `null` from the loader is cached; `false` does not cache it. `undefined` ' +
      'never is.',
  },
  {
    name: 'sharedValues',
    type: 'boolean',
    default: defaultRefillPolicy.sharedValues,
    live: 'now',
    doc:
      'Whether callers of one turn or one load get the same object instead of one each. It saves ' +
      'decoding a value for each of them; what one changes, the others see.',
  },
  {
    name: 'placeholder',
    type: 'choice',
    choices: ['inline', 'sidecar'],
    default: defaultRefillPolicy.placeholder,
    live: 'now',
    doc:
      'Where the mark "being loaded" is kept: in the key itself, or beside it ' +
      '(`sidecar`), for keys that nginx or other clients read.',
  },
]
