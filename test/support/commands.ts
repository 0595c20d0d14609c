import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import type { TestContext } from 'node:test'

/** The path of a command: on the PATH, or in the folders of servers that a user's PATH omits. */
export function findCommand(name: string, ...more: readonly string[]): string | undefined {
  const path = (process.env.PATH ?? '').split(delimiter)
  const folders = [...path, '/usr/bin', '/usr/sbin', '/usr/local/bin', ...more]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/**
 * The command that a test needs, or undefined after the test was skipped with the reason. Where
 * MINTRING_REQUIRE_PEERS is 1, as in CI, a missing command fails the test instead.
 */
export function neededCommand(test: TestContext, name: string): string | undefined {
  const found = findCommand(name)
  if (found === undefined) skipOrFail(test, `no ${name} found`, 'MINTRING_REQUIRE_PEERS')
  return found
}

/** Skips a test because something is missing, or fails it where the environment requires it. */
export function skipOrFail(test: TestContext, reason: string, requiredBy: string): void {
  if (process.env[requiredBy] === '1') throw new Error(`${reason}, and ${requiredBy} is 1`)
  test.skip(reason)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
