import { decodeBase64Key } from './base64-key.ts'
import type { CommandLine } from './command-line.ts'

/** All flags of the meta commands of memcached 1.6.18. */
export const META_FLAGS_1_6_18 = 'bNTRlOPLkstcfvhuqFCMJDI'

const BAD_TOKEN = 'CLIENT_ERROR bad token in command line format'

/**
 * The flags of a meta command, parsed as memcached's `_meta_flag_preparse` does: every meta command
 * accepts any flag, each flag at most once. If several flags are wrong, the last error is reported.
 */
export class MetaFlags {
  /** The error line to reply for a malformed flag; undefined if all flags are valid. */
  problem: string | undefined = undefined
  /** The key, one character per byte; already decoded if the flag `b` says that it is base64. */
  key = ''
  /** The index of the first flag on the line. */
  first = 0
  /** `u`: do not count this command as an access to the item. */
  noUpdate = false
  /** `v`: return the value. */
  value = false
  /** `I`: mark the item as stale. */
  invalidate = false
  /** `q`: omit the usual reply. */
  quiet = false
  /** `b`: the key is base64. */
  keyIsBase64 = false
  /** `x`: remove the value and keep the item (1.6.27). */
  dropValue = false
  /** The letter after `M`; '' without the flag. */
  mode = ''
  /** `N`: on a miss, create an item that lives this many seconds. */
  vivifyTtl: number | undefined = undefined
  /** `T`: the item's new ttl in seconds. */
  ttl: number | undefined = undefined
  /** `R`: elect a client to refill the item if it has fewer seconds left than this. */
  recacheTtl: number | undefined = undefined
  /** `F`: the client flags. */
  clientFlags = 0
  /** `C`: the command applies only if the item has this CAS id. */
  cas: bigint | undefined = undefined
  /** `E`: the new CAS id of the item (1.6.27). */
  explicitCas: bigint | undefined = undefined
  /** `J`: the initial value of a counter that does not exist. */
  initial = 0n
  /** `D`: the amount to add or subtract. */
  delta = 1n

  /**
   * Parses the words of `line` from `first` on as flags. `known`: the flag letters that this server
   * supports.
   */
  read(line: CommandLine, first: number, known: string): void {
    this.#clear(first)
    this.key = line.text(1)
    let seenLow = 0
    let seenHigh = 0
    for (let index = first; index < line.count; index++) {
      const code = line.bytes[line.start(index)]!
      const bit = 1 << (code & 31)
      const seen = code < 96 ? seenLow & bit : seenHigh & bit
      if (code >= 127 || (seen !== 0 && code >= 64)) {
        this.problem = 'CLIENT_ERROR duplicate flag'
        return
      }
      if (code < 96) seenLow |= bit
      else seenHigh |= bit
      const letter = String.fromCharCode(code)
      if (!known.includes(letter)) {
        this.problem = 'CLIENT_ERROR invalid flag'
        return
      }
      this.#take(letter, line, index)
    }
  }

  #clear(first: number): void {
    this.problem = undefined
    this.first = first
    this.noUpdate = this.value = this.invalidate = this.quiet = false
    this.keyIsBase64 = this.dropValue = false
    this.mode = ''
    this.vivifyTtl = this.ttl = this.recacheTtl = undefined
    this.clientFlags = 0
    this.cas = this.explicitCas = undefined
    this.initial = 0n
    this.delta = 1n
  }

  #take(letter: string, line: CommandLine, index: number): void {
    switch (letter) {
      case 'v':
        this.value = true
        break
      case 'q':
        this.quiet = true
        break
      case 'b':
        this.keyIsBase64 = true
        this.key = decodeBase64Key(this.key)
        if (this.key === '') this.problem = 'CLIENT_ERROR error decoding key'
        break
      case 'u':
        this.noUpdate = true
        break
      case 'I':
        this.invalidate = true
        break
      case 'x':
        this.dropValue = true
        break
      case 'N':
        this.vivifyTtl = this.#time(line, index)
        break
      case 'T':
        this.ttl = this.#time(line, index)
        break
      case 'R':
        this.recacheTtl = this.#time(line, index)
        break
      case 'M':
        // memcached 1.6.40 and later read the one character after M and ignore the rest.
        if (line.width(index) !== 2 && !line.strict) {
          this.problem = 'CLIENT_ERROR incorrect length for M token'
        } else this.mode = line.text(index).charAt(1) || ' '
        break
      default:
        this.#takeNumber(letter, line, index)
    }
  }

  #takeNumber(letter: string, line: CommandLine, index: number): void {
    switch (letter) {
      case 'C':
        this.cas = line.u64(index, 1)
        if (this.cas === undefined) this.problem = BAD_TOKEN
        break
      case 'E':
        this.explicitCas = line.u64(index, 1)
        if (this.explicitCas === undefined) this.problem = BAD_TOKEN
        break
      case 'F':
        this.clientFlags = line.u32(index, 1)
        // memcached has no message of its own for a wrong F: an earlier flag's message stays.
        if (Number.isNaN(this.clientFlags)) {
          this.problem ??= 'CLIENT_ERROR bad command line format'
        }
        break
      case 'J':
        this.initial = this.#wide(line, index, 'CLIENT_ERROR invalid numeric initial value')
        break
      case 'D':
        this.delta = this.#wide(line, index, 'CLIENT_ERROR invalid numeric delta value')
        break
    }
  }

  #time(line: CommandLine, index: number): number {
    const seconds = line.i32(index, 1)
    if (Number.isNaN(seconds)) this.problem = BAD_TOKEN
    return seconds
  }

  #wide(line: CommandLine, index: number, problem: string): bigint {
    const value = line.u64(index, 1)
    if (value === undefined) this.problem = problem
    return value ?? 0n
  }
}
