import { type ParseArgsConfig, parseArgs } from 'node:util'
import type { BehaviorsInput } from '../behaviors/behaviors.ts'
import { fromLibmemcached } from '../behaviors/dialects/libmemcached.ts'
import { fromEnvironment, valueOfText } from '../behaviors/env.ts'
import { rowOf, rows } from '../behaviors/table.ts'
import { messageOf } from '../errors.ts'
import { parseServers, type ServerAddress } from '../hosts/address.ts'
import type { RingServer } from '../ring/server.ts'
import { didYouMean } from '../ring/suggest.ts'
import { escaped, nameShown } from '../secrets.ts'
import { type CliIo, UsageError } from './io.ts'

/** The servers and behaviors that a command uses. */
export interface CliTarget {
  readonly servers: readonly ServerAddress[]
  readonly behaviors: BehaviorsInput
}

/** The options of all commands that connect to servers or place keys. */
export const targetOptions = {
  servers: { type: 'string', short: 's' },
  libmemcached: { type: 'string' },
  set: { type: 'string', multiple: true },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options']

/** The description of these options, for --help. */
export const targetHelp = `\
  -s, --servers LIST     host:port,host:port:weight,… or URLs; otherwise from the environment
                         (MINTRING_URL, MEMCACHED_SERVERS, … and MINTRING_* behaviors),
                         or 127.0.0.1:11211
  --set NAME=VALUE       a behavior, such as distribution=modula; may be repeated
  --libmemcached=STRING  servers and behaviors as a libmemcached configuration string
  --json                 the result as JSON
`

/** The parsed values of these options. */
export interface TargetValues {
  readonly servers?: string | undefined
  readonly libmemcached?: string | undefined
  readonly set?: readonly string[] | undefined
}

/** Parses a command line. Throws UsageError for unknown options. */
export function parseCommand<const Options extends NonNullable<ParseArgsConfig['options']>>(
  args: string[],
  options: Options,
): ReturnType<typeof parseArgs<{ args: string[]; options: Options; allowPositionals: true }>> {
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    throw new UsageError(explained(error, options))
  }
}

/** Replaces Node's message for a wrong option, which is long and suggests nothing. */
function explained(error: unknown, options: object): string {
  const text = messageOf(error)
  const name = /Unknown option '(-[^']*)'/.exec(text)?.[1]
  if (name === undefined) return escaped(text, 200)
  const known = Object.keys(options).map((option) => `--${option}`)
  return `there is no option '${nameShown(name)}'.${didYouMean(name, known)}`
}

/** Returns the servers and behaviors from the command line, or else from the environment. */
export function cliTarget(values: TargetValues, named: readonly string[], io: CliIo): CliTarget {
  const translated =
    values.libmemcached === undefined ? undefined : fromLibmemcached(values.libmemcached)
  const said: RingServer[] = [...(translated?.servers ?? []), ...named]
  if (values.servers !== undefined) said.push(...listOf(values.servers))
  const behaviors = { ...translated, ...cliSettings('--set', values.set) }
  if (said.length > 0) return { servers: parseServers(said), behaviors }
  if (values.servers !== undefined) return { servers: parseServers([]), behaviors }
  const fromEnv = environmentOf(io)
  return {
    servers: parseServers(fromEnv?.servers ?? '127.0.0.1:11211'),
    behaviors: { ...fromEnv?.behaviors, ...behaviors },
  }
}

/** Parses the value of an option as a whole number. Returns the default if the option is absent. */
export function wholeNumber(
  name: string,
  text: string | undefined,
  otherwise: number,
  min: number,
): number {
  if (text === undefined) return otherwise
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value
  throw new UsageError(`${name} takes a whole number of at least ${min}, not '${text}'`)
}

function environmentOf(io: CliIo): ReturnType<typeof fromEnvironment> | undefined {
  try {
    return fromEnvironment(io.env)
  } catch (error) {
    if ((error as { code?: string }).code === 'MINTRING_NO_SERVERS') return undefined
    throw error
  }
}

const listOf = (text: string): string[] => text.split(/[\s,]+/).filter((item) => item !== '')

/** Parses `--set retries=2 --set connections.max=4`. */
export function cliSettings(option: string, settings: readonly string[] = []): BehaviorsInput {
  const read: Record<string, unknown> = {}
  for (const setting of settings) {
    const [, path = '', text = ''] = /^([^=]*)=(.*)$/s.exec(setting) ?? []
    if (path === '') {
      throw new UsageError(
        `${option} takes behavior=value, such as retries=2, not a text without =`,
      )
    }
    const [name = '', fieldName] = path.split('.')
    const row = rowOf(name)
    const field = row?.fields?.find((candidate) => candidate.name === fieldName)
    if (row === undefined || (fieldName !== undefined && field === undefined)) {
      const known = rows.map((candidate) => candidate.name)
      const hint = didYouMean(path, known) || ' `mintring behaviors` lists all behaviors.'
      const what = `there is no behavior '${nameShown(path)}'.${hint}`
      throw new UsageError(`${option} takes behavior=value, and ${what}`)
    }
    const value = valueOfText(`${option} ${path}`, field ?? row, text)
    if (field === undefined) read[name] = value
    else read[name] = { ...(read[name] as object | undefined), [field.name]: value }
  }
  return read
}
