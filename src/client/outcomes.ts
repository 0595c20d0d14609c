import type { MintringError } from '../errors.ts'

/**
 * What a verb over many keys, or over all hosts, came to: a Map of what was answered, in the order
 * asked, and beside it what could not be asked. Nothing is lost between the two.
 */
export class Outcomes<Value> extends Map<string, Value> {
  /** The keys (or hosts) that got no answer, each with the reason. */
  readonly failed: Map<string, MintringError> = new Map()
}
