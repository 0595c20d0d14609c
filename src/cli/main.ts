#!/usr/bin/env node
import process from 'node:process'
import { runCommandLine } from './command-line.ts'
import { exitCodes } from './io.ts'
import { processIo } from './process-io.ts'

const { io, close } = processIo(process)
// A promise that never settles, as of a loader, does not keep the process alive: without this check
// it would exit with 0.
const endless = (): void => {
  io.err('mintring: the command waits for a promise that never settles, for example of a loader\n')
  process.exitCode = exitCodes.failed
}
process.once('beforeExit', endless)
void runCommandLine(process.argv.slice(2), io)
  .then((code) => {
    process.off('beforeExit', endless)
    process.exitCode = code
    // After Ctrl-C, pending reads of input or other open handles must not delay the exit. The
    // output of
    // the verb is written first.
    if (io.signal.aborted) process.stdout.write('', () => process.exit())
  })
  .finally(close)
