import { encodeBase64Key } from '../protocol/base64-key.ts'
import type { Command } from '../protocol/command.ts'
import { MAX_KEY_BYTES, MAX_OPAQUE_BYTES } from '../protocol/limits.ts'
import type { Exchange } from './exchange.ts'

export const BAD_FORMAT = 'CLIENT_ERROR bad command line format'
export const OPAQUE_TOO_LONG = 'CLIENT_ERROR opaque token too long'

/** The limit on words of a meta command, including the command and its key. */
const MAX_META_WORDS = 19
const TOO_MANY_FLAGS = 'CLIENT_ERROR options flags are too long'

/**
 * Returns the error of a meta command other than `ms` whose line is wrong, or undefined; its flags
 * are not checked yet. `mg` passes its own wording as `tooLong`.
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

/** Returns ` k<key>`; with ` b` after it if the key is base64. */
export function keyFlag(key: string, binary: boolean): string {
  return binary ? ` k${encodeBase64Key(key)} b` : ` k${key}`
}

/**
 * Returns the flags that every meta reply can repeat, opaque and key, in the order requested.
 * Returns undefined if an opaque is too long.
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

/** Returns a reply code such as `HD`, with a trailing space if the version is below 1.6.18. */
export function looseCode(exchange: Exchange, code: string): string {
  return exchange.engine.abilities.tidyMeta ? code : `${code} `
}

/** Writes `line`, unless `quiet`. */
export function metaReply(exchange: Exchange, line: string, quiet: boolean = false): void {
  if (!quiet) exchange.writer.line(line)
}
