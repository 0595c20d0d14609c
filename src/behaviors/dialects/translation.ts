import { type CompatPreset, compat } from '../../ring/compat.ts'
import type { HashName } from '../../ring/hashes/registry.ts'
import type { RingServer } from '../../ring/server.ts'
import { didYouMean } from '../../ring/suggest.ts'
import type { BehaviorsInput } from '../behaviors.ts'
import { badBehavior } from '../check.ts'
import type { Alias, BehaviorDialect, Unit } from '../row.ts'
import { rows } from '../table.ts'

/**
 * The settings of another client, translated to behaviors: pass it as behaviors. `servers` and
 * `warnings` are not enumerable, so spreading copies only the behaviors.
 */
export type TranslatedBehaviors = BehaviorsInput & {
  /** The servers in the other client's settings; undefined if there are none. */
  readonly servers: readonly RingServer[] | undefined
  /**
   * The settings that have no exact equivalent, with the reason and what to use instead. Each is
   * also emitted as a process warning, once.
   */
  readonly warnings: readonly string[]
}

/** The warnings that this process has emitted: an application may create dozens of clients. */
const warned = new Set<string>()
const MAX_WARNED = 1000

/** Collects behaviors, servers and warnings while another client's settings are translated. */
export class Translation {
  readonly dialect: BehaviorDialect
  readonly settings: Record<string, unknown> = {}
  readonly servers: RingServer[] = []
  readonly warnings: string[] = []

  constructor(dialect: BehaviorDialect) {
    this.dialect = dialect
  }

  set(behaviors: BehaviorsInput): void {
    Object.assign(this.settings, behaviors)
  }

  warn(name: string, why: string): void {
    this.warnings.push(`${this.dialect} ${name}: ${why}`)
  }

  /** Translates a setting if a behavior has this name as an alias. Returns whether one has. */
  takeAlias(name: string, value: unknown): boolean {
    for (const row of rows) {
      const alias = this.#aliasOf(row.aliases, name)
      if (alias !== undefined) {
        this.settings[row.name] = convert(alias, value)
        return true
      }
      const field = row.fields?.find((candidate) => this.#aliasOf(candidate.aliases, name))
      if (field === undefined) continue
      const group = this.settings[row.name] as object | undefined
      const fieldAlias = this.#aliasOf(field.aliases, name)!
      this.settings[row.name] = { ...group, [field.name]: convert(fieldAlias, value) }
      return true
    }
    return false
  }

  /** Creates the error for a name that the other client does not have. */
  unknown(name: string, known: readonly string[]): Error {
    const names = [...new Set([...known, ...this.#aliasNames()])]
    return badBehavior(
      `Unknown ${this.dialect} setting '${name.slice(0, 60)}'.${didYouMean(name, names)}`,
    )
  }

  finish(): TranslatedBehaviors {
    for (const warning of this.warnings) {
      if (warned.has(warning) || warned.size >= MAX_WARNED) continue
      warned.add(warning)
      process.emitWarning(warning, { type: 'MintringWarning', code: 'MINTRING_DIALECT' })
    }
    const servers = this.servers.length === 0 ? undefined : Object.freeze(this.servers)
    const warnings = Object.freeze(this.warnings)
    Object.defineProperties(this.settings, {
      servers: { value: servers },
      warnings: { value: warnings },
    })
    return this.settings as unknown as TranslatedBehaviors
  }

  #aliasOf(aliases: readonly Alias[] | undefined, name: string): Alias | undefined {
    return aliases?.find((alias) => alias.dialect === this.dialect && alias.name === name)
  }

  #aliasNames(): string[] {
    return rows
      .flatMap((row) => [row, ...(row.fields ?? [])])
      .flatMap((row) => row.aliases ?? [])
      .filter((alias) => alias.dialect === this.dialect)
      .map((alias) => alias.name)
  }
}

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, us: 0.001 }

/** Converts a value to the behavior's unit. resolveBehaviors() checks its range later. */
function convert(alias: Alias, value: unknown): unknown {
  const { dialect, name, unit } = alias
  if (unit === undefined) return value
  if (unit === 'flag') return flagOf(value, `${dialect} ${name}`)
  return unit === 'bytes'
    ? numberOf(value, `${dialect} ${name}`)
    : toMs(value, unit, `${dialect} ${name}`)
}

/** Converts a duration in `unit` to whole milliseconds, rounded up. */
export function toMs(value: unknown, unit: Unit, name: string): number {
  return Math.ceil(numberOf(value, name) * (MILLISECONDS[unit] ?? 1))
}

/** Replaces a pause of 0 in the settings of clients that then retry at once. */
export const NO_PAUSE_MS = 1

/**
 * Replaces a pause of 0 in libmemcached's settings. libmemcached compares whole seconds, so with 0
 * it waits for the next second.
 */
export const NEXT_SECOND_MS = 1000

/** Returns a number, or throws an error that names the other client's setting. */
export function numberOf(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw badBehavior(
    `${name} takes a number, got ${typeof value === 'number' ? value : typeof value}`,
  )
}

/** Returns a boolean: Python and YAML also write 0 and 1. */
export function flagOf(value: unknown, name: string): boolean {
  if (value === true || value === 1) return true
  if (value === false || value === 0) return false
  throw badBehavior(`${name} takes true or false (or 1 or 0), got ${typeof value}`)
}

const HASHES: Readonly<Record<string, HashName>> = { default: 'one_at_a_time', crc: 'crc32' }

/** Converts libmemcached's name of a hash to the ring's. */
export function libmemcachedHash(name: string): HashName {
  return HASHES[name] ?? (name as HashName)
}

/** Presets of the ring for libmemcached's distributions, except the random one. */
export const libmemcachedPresets: Readonly<
  Record<'modula' | 'unweighted' | 'weighted' | 'spy', CompatPreset>
> = {
  modula: compat.libmemcachedModula,
  unweighted: compat.libmemcached,
  weighted: compat.libmemcachedWeighted,
  spy: compat.libmemcachedSpy,
}

/** Returns a preset without `autoEjectHosts`, which the other client's settings decide. */
export function translatePlacement(preset: CompatPreset): BehaviorsInput {
  const { autoEjectHosts: _, ...placement } = preset
  return placement
}
