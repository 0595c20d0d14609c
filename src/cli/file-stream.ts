import { constants, createReadStream, openSync, statSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/**
 * Reads a file, or a named pipe. Opening a pipe waits for its writer in a thread, and a process
 * does not end before its threads: without waiting, Ctrl-C works.
 */
export function fileStream(path: string): Readable {
  if (!isPipe(path)) return createReadStream(path)
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return new Socket({ fd, readable: true, writable: false })
}

/** What cannot be looked at cannot be opened either: that fails with the system's words. */
function isPipe(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFIFO() === true
}
