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
  // Browsers and probes are hung up on, unless their verb looks like the start of a command.
  const lastWord = line.text(line.count - 1)
  if (lastWord.startsWith('HTTP/') && !/^[gsacidtm]/.test(command.verb)) exchange.hangUp()
  else exchange.writer.line('ERROR')
}

/** What executes `verb` on a server like `engine`; an unknown verb gets ERROR. */
export function commandHandler(verb: string, engine: Engine): Handler {
  const handler = COMMANDS.get(verb)
  if (handler === undefined) return unknown
  const isMeta = verb.length === 2 && verb.startsWith('m')
  if (isMeta && !engine.abilities.meta) return unknown
  if (verb === 'config' && !engine.settings.config) return unknown
  return handler
}
