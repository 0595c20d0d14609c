import type { Abilities } from './abilities.ts'
import { ADMIN_COMMANDS } from './admin-commands.ts'
import type { Engine } from './engine.ts'
import type { Handler } from './exchange.ts'
import { META_COMMANDS } from './meta-commands.ts'
import { stats } from './stats.ts'
import { TEXT_COMMANDS } from './text-commands.ts'

const COMMANDS: ReadonlyMap<string, Handler> = new Map([
  ...TEXT_COMMANDS,
  ...META_COMMANDS,
  ...ADMIN_COMMANDS,
  ['stats', stats] as const,
])

const unknown: Handler = (exchange, command) => {
  const { line } = command
  const { abilities } = exchange.engine
  if (line.text(line.count - 1).startsWith('HTTP/') && hangsUp(abilities, command.verb)) {
    exchange.hangUp()
  } else if (!abilities.strictLines || !line.endsInNoreply()) exchange.writer.line('ERROR')
}

/** Browsers and probes are hung up on; 1.6 spares verbs that look like the start of a command. */
function hangsUp(abilities: Abilities, verb: string): boolean {
  const spares = abilities.gathersReplies && !abilities.strictLines
  return abilities.hangsUpOnHttp && !(spares && /^[gsacidtm]/.test(verb))
}

const firstMetaNoop: Handler = (exchange) => exchange.writer.line('EN')

/** The commands of administration in the order in which 1.6.40 compares them. */
const ADMINISTRATION = ['shutdown', 'slabs', 'cache_memlimit', 'flush_all', 'lru_crawler'].concat([
  'verbosity',
  'lru',
])

/** What 1.6.40 takes a verb for: the first command of administration that begins with it. */
function lengthened(verb: string): string {
  return ADMINISTRATION.find((name) => name.startsWith(verb)) ?? verb
}

/** What executes `verb` on a server like `engine`; an unknown verb gets ERROR. */
export function commandHandler(verb: string, engine: Engine): Handler {
  const handler = COMMANDS.get(engine.abilities.takesPrefixes ? lengthened(verb) : verb)
  if (handler === undefined) return unknown
  const isMeta = verb.length === 2 && verb.startsWith('m')
  const { abilities } = engine
  if (isMeta && !abilities.meta) {
    return verb === 'mn' && abilities.experimentalMeta ? firstMetaNoop : unknown
  }
  if (!abilities.gat && (verb === 'gat' || verb === 'gats')) return unknown
  if (verb === 'config' && !engine.settings.config) return unknown
  return handler
}
