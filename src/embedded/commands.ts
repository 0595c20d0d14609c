import type { Command } from '../protocol/command.ts'
import type { ServerAbilities } from './abilities.ts'
import { ADMIN_COMMANDS } from './admin-commands.ts'
import type { Engine } from './engine.ts'
import type { Handler } from './exchange.ts'
import { META_COMMANDS } from './meta-commands.ts'
import { generalStats } from './stats.ts'
import { TEXT_COMMANDS } from './text-commands.ts'

const COMMANDS: ReadonlyMap<string, Handler> = new Map([
  ...TEXT_COMMANDS,
  ...META_COMMANDS,
  ...ADMIN_COMMANDS,
  ['stats', generalStats] as const,
])

const unknown: Handler = (exchange, command) => {
  const { line } = command
  const { abilities } = exchange.engine
  if (line.text(line.count - 1).startsWith('HTTP/') && hangsUp(abilities, command.verb)) {
    exchange.hangUp()
  } else if (!abilities.strictLines || !line.endsInNoreply()) exchange.writer.line('ERROR')
}

/**
 * Returns whether to close the connection on an HTTP request. memcached 1.6 does not close it if
 * the verb begins like a command.
 */
function hangsUp(abilities: ServerAbilities, verb: string): boolean {
  const spares = abilities.gathersReplies && !abilities.strictLines
  return abilities.hangsUpOnHttp && !(spares && /^[gsacidtm]/.test(verb))
}

const firstMetaNoop: Handler = (exchange) => exchange.writer.line('EN')

/** The admin commands, in the order in which 1.6.40 compares them. */
const ADMINISTRATION = ['shutdown', 'slabs', 'cache_memlimit', 'flush_all', 'lru_crawler'].concat([
  'verbosity',
  'lru',
])

/**
 * Returns the verb to execute for a line, from 1.6.40 on. 1.6.40 itself matches an admin command by
 * any prefix, even an empty one; it matches none if exactly one space begins the line. Later
 * versions find only admin commands on a line that begins with spaces.
 */
function verbToExecute({ verb, line }: Command, { takesPrefixes }: ServerAbilities): string {
  const first = line.count > 0 ? line.text(0) : ''
  if (!takesPrefixes) return verb === '' && ADMINISTRATION.includes(first) ? first : verb
  const isOneSpace = verb === '' && first !== '' && line.bytes[line.start(0) - 2] !== SPACE
  return isOneSpace ? '' : (ADMINISTRATION.find((name) => name.startsWith(verb)) ?? verb)
}

const SPACE = 32

/** Returns the handler of `command` on this server; for an unknown verb, one that replies ERROR. */
export function commandHandler(command: Command, engine: Engine): Handler {
  const { abilities } = engine
  const { verb } = command
  const handler = COMMANDS.get(abilities.strictLines ? verbToExecute(command, abilities) : verb)
  if (handler === undefined) return unknown
  const isMeta = verb.length === 2 && verb.startsWith('m')
  if (isMeta && !abilities.meta) {
    return verb === 'mn' && abilities.experimentalMeta ? firstMetaNoop : unknown
  }
  if (!abilities.gat && (verb === 'gat' || verb === 'gats')) return unknown
  if (verb === 'config' && !engine.settings.config) return unknown
  return handler
}
