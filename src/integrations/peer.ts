import { MintringError } from '../errors.ts'

/**
 * Checks what an adapter needs of a package that the user brings: any version installs beside
 * mintring, so that it is asked when it is used. Throws MINTRING_BAD_ARGUMENT.
 *
 * `members`: paths to functions, such as `trace.getTracer`.
 */
export function checkPeer(peer: unknown, name: string, members: readonly string[]): void {
  const missing = members.filter((path) => typeof memberOf(peer, path) !== 'function')
  if (missing.length === 0) return
  const what = missing.join(', ')
  throw new MintringError(
    'MINTRING_BAD_ARGUMENT',
    `this needs ${name} with ${what}: give it the whole module`,
  )
}

function memberOf(peer: unknown, path: string): unknown {
  let member = peer
  for (const name of path.split('.'))
    member = (member as Record<string, unknown> | null | undefined)?.[name]
  return member
}
