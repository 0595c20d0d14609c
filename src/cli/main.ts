#!/usr/bin/env node
import process from 'node:process'
import { runCommandLine } from './command-line.ts'
import { exitCodes } from './io.ts'
import { processIo } from './process-io.ts'

const { io, close } = processIo(process)
// A pending promise does not keep Node alive: without this, a stuck command would exit with 0.
const endless = (): void => {
  io.err('mintring: the command waits for a promise that never settles, for example of a loader\n')
  process.exitCode = exitCodes.failed
}
process.once('beforeExit', endless)
void runCommandLine(process.argv.slice(2), io)
  .then((code) => {
    process.off('beforeExit', endless)
    process.exitCode = code
    // Exits despite open handles, such as those of a loader or a pending read of standard input.
    // The callback of write('') is called when all earlier output has been written.
    process.stdout.write('', () => process.stderr.write('', () => process.exit()))
  })
  .finally(close)
