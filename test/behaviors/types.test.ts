import assert from 'node:assert/strict'
import { it } from 'node:test'
import { expectTypeOf } from 'expect-type'
import type { Behaviors, BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import { behaviorsFrom } from '../../src/behaviors/behaviors-from.ts'
import { resolveBehaviors } from '../../src/behaviors/resolve.ts'
import { rows } from '../../src/behaviors/table.ts'

/** Never called: the compiler checks it, and an unused `@ts-expect-error` is an error. */
export function doesNotCompile(take: (input: BehaviorsInput) => void): void {
  // @ts-expect-error an unknown name
  take({ retryTimeout: 30 })
  // @ts-expect-error the name of another client's setting
  take({ _retry_timeout: 30 })
  // @ts-expect-error the unit is in the name: milliseconds are numbers
  take({ retryTimeoutMs: '30s' })
  // @ts-expect-error a duration as text needs a unit
  take({ staleWhileRevalidate: '300' })
  // @ts-expect-error a duration as text needs a known unit
  take({ staleWhileRevalidate: '5 minutes' })
  // @ts-expect-error not one of the choices
  take({ distribution: 'ketma' })
  // @ts-expect-error not one of the choices
  take({ failover: 'retry' })
  // @ts-expect-error failover to gutter (stand-by) hosts needs a ttl
  take({ failover: { gutter: '10.0.0.9' } })
  // @ts-expect-error an unknown field
  take({ connections: { maximum: 4 } })
  // @ts-expect-error a boolean setting takes no number
  take({ autoEjectHosts: 1 })
  // @ts-expect-error a serializer needs serialize() and deserialize()
  take({ serializer: { serialize: String } })
  take({ staleWhileRevalidate: '5m', lease: 10, negativeTtl: '30s', connections: { max: 4 } })
  take({ failover: { gutter: ['10.0.0.9'], ttl: 10 }, retries: undefined })
  take({ preset: 'twemproxy', hash: 'md5' })
}

it('the type of the settings has exactly the names of the table', () => {
  const settings: Behaviors = resolveBehaviors()
  const names: readonly string[] = Object.keys(settings)
  assert.deepEqual(
    names,
    rows.map((row) => row.name),
  )
  expectTypeOf(settings.retryTimeoutMs).toEqualTypeOf<number>()
  expectTypeOf(settings.staleIfError).toEqualTypeOf<number | undefined>()
  expectTypeOf(settings.autoEjectHosts).toEqualTypeOf<boolean>()
  expectTypeOf(behaviorsFrom.pylibmc({})).toExtend<BehaviorsInput>()
})
