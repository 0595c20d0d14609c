import { MintringError } from '../errors.ts'

/**
 * Checks that a package, which the user installs in any version, has what an adapter needs. Throws
 * MINTRING_BAD_ARGUMENT.
 *
 * `members`: paths to functions, such as `trace.getTracer`.
 */
export function checkPeer(peer: unknown, name: string, members: readonly string[]): void {
  const missing = members.filter((path) => typeof memberOf(peer, path) !== 'function')
  if (missing.length === 0) return
  const what = missing.join(', ')
  throw new MintringError(
    'MINTRING_BAD_ARGUMENT',
    `this needs ${name} with ${what}: pass the whole module`,
  )
}

function memberOf(peer: unknown, path: string): unknown {
  let member = peer
  for (const name of path.split('.'))
    member = (member as Record<string, unknown> | null | undefined)?.[name]
  return member
}
