import { badArgument, checkOptionNames } from '../arguments.ts'
import { kindOf } from '../secrets.ts'

/**
 * Throws MINTRING_BAD_ARGUMENT unless an adapter got a client, and options with none but the
 * `known` names.
 */
export function checkAdapter(
  name: string,
  client: unknown,
  options: unknown,
  known: readonly string[],
): void {
  if (typeof (client as { get?: unknown } | undefined | null)?.get !== 'function') {
    throw badArgument(`${name} takes a MemcachedClient, not ${kindOf(client)}`)
  }
  checkOptionNames(name, options, new Set(known))
}
