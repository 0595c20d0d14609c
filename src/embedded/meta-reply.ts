import { encodeBase64Key } from '../protocol/base64-key.ts'
import type { Command } from '../protocol/command.ts'
import { MAX_KEY_BYTES, MAX_OPAQUE_BYTES } from '../protocol/limits.ts'
import type { Exchange } from './exchange.ts'

export const BAD_FORMAT = 'CLIENT_ERROR bad command line format'
export const OPAQUE_TOO_LONG = 'CLIENT_ERROR opaque token too long'

/** Words a meta command may have, the command and its key included. */
const MAX_META_WORDS = 19
const TOO_MANY_FLAGS = 'CLIENT_ERROR options flags are too long'

/**
 * The reply a meta command other than `ms` owes before its flags are looked at; undefined if none.
 * `tooLong` is worded differently by `mg`.
 */
export function lineProblem(
  { engine }: Exchange,
  tooLong: string,
  { line }: Command,
): string | undefined {
  const { strictLines } = engine.abilities
  if (line.count < 2) return 'ERROR'
  if (line.width(1) > MAX_KEY_BYTES) return BAD_FORMAT
  if (strictLines) return line.count > MAX_META_WORDS + 1 ? TOO_MANY_FLAGS : undefined
  if (line.count > MAX_META_WORDS) return tooLong
  return undefined
}

/** ` k<key>`, with ` b` behind when the key is shown as base64. */
export function keyFlag(key: string, binary: boolean): string {
  return binary ? ` k${encodeBase64Key(key)} b` : ` k${key}`
}

/**
 * The flags that every meta reply can repeat: opaque and key, in the order asked for.
 * Undefined when an opaque is too long.
 */
export function echoFlags(command: Command): string | undefined {
  const { line, meta } = command
  let flags = ''
  for (let index = meta.first; index < line.count; index++) {
    const letter = line.bytes[line.start(index)]!
    if (letter === 79) {
      if (line.width(index) > MAX_OPAQUE_BYTES + 1) return undefined
      flags += ` ${line.text(index)}`
    } else if (letter === 107) {
      flags += keyFlag(command.key, meta.keyIsBase64)
    }
  }
  return flags
}

/** A return code with the space that memcached left behind it before 1.6.18. */
export function looseCode(exchange: Exchange, code: string): string {
  return exchange.engine.abilities.tidyMeta ? code : `${code} `
}

/** Writes `line` unless `quiet`. */
export function metaReply(exchange: Exchange, line: string, quiet: boolean = false): void {
  if (!quiet) exchange.writer.line(line)
}
