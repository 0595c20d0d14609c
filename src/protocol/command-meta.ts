import { decodeBase64Key } from './base64-key.ts'
import type { CommandLine } from './command-line.ts'

/** The flags of memcached 1.6.18 on all meta commands together. */
export const META_FLAGS_1_6_18 = 'bNTRlOPLkstcfvhuqFCMJDI'

const BAD_TOKEN = 'CLIENT_ERROR bad token in command line format'

/**
 * The flags of one meta command, read as memcached's `_meta_flag_preparse` does: any flag parses on
 * any meta command, a flag may come once, and where several are wrong the last one is reported.
 */
export class MetaFlags {
  /** The reply line the server owes for a malformed flag; undefined when all is well. */
  problem: string | undefined = undefined
  /** The key, decoded when `b` says it came as base64; one character per byte. */
  key = ''
  /** The index in the line of the first flag. */
  first = 0
  /** `u`: do not count this as a use of the item. */
  noUpdate = false
  /** `v`: the value is asked for. */
  value = false
  /** `I`: mark stale. */
  invalidate = false
  /** `q`: no answer when all is as usual. */
  quiet = false
  /** `b`: the key came as base64. */
  keyIsBase64 = false
  /** `x`: drop the value and keep the item (1.6.27). */
  dropValue = false
  /** The mode letter of `M`, '' when none was given. */
  mode = ''
  /** `N`: create an item that lives so many seconds when there is none. */
  vivifyTtl: number | undefined = undefined
  /** `T`: seconds to live from now on. */
  ttl: number | undefined = undefined
  /** `R`: elect a client to refill when the item has fewer seconds left. */
  recacheTtl: number | undefined = undefined
  /** `F`: client flags. */
  clientFlags = 0
  /** `C`: the CAS the item must have. */
  cas: bigint | undefined = undefined
  /** `E`: the CAS the item will have (1.6.27). */
  explicitCas: bigint | undefined = undefined
  /** `J`: what a counter that is not there starts with. */
  initial = 0n
  /** `D`: what is added or taken. */
  delta = 1n

  /** Reads the words of `line` from `first` on; `known` are the flag letters of this server. */
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
        // Newer servers look at the one character behind M, whatever it is.
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
        // memcached keeps whatever error stands: its first one, when no other flag was wrong.
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
