import { constants, createReadStream, openSync, statSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/**
 * Opens a file or a named pipe for reading. Throws the error of the system if it cannot: a stream
 * that opens its file later emits the error, which nobody may listen to yet. Opening a pipe blocks
 * a thread until there is a writer, and a process waits for its threads before it exits. So a pipe
 * is opened without blocking, and Ctrl-C works.
 */
export function fileStream(path: string): Readable {
  if (!isPipe(path)) return createReadStream(path, { fd: openSync(path, 'r') })
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return new Socket({ fd, readable: true, writable: false })
}

/**
 * Returns whether the path is a named pipe. Returns false if it does not exist: opening it then
 * fails with the error of the system.
 */
function isPipe(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFIFO() === true
}
