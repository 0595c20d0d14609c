import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import type { TestContext } from 'node:test'

/** Returns the path of a command, from the PATH or from folders such as /usr/sbin. */
export function findCommand(name: string, ...more: readonly string[]): string | undefined {
  const path = (process.env.PATH ?? '').split(delimiter)
  const folders = [...path, '/usr/bin', '/usr/sbin', '/usr/local/bin', ...more]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/**
 * Returns the path of a command that a test needs. Without the command, skips the test and returns
 * undefined. Where MINTRING_REQUIRE_PEERS is 1, as in CI, it fails the test instead.
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
