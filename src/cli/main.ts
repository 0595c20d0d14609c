#!/usr/bin/env node
import process from 'node:process'
import { runCommandLine } from './command-line.ts'
import { exitCodes } from './io.ts'
import { processIo } from './process-io.ts'

const { io, close } = processIo(process)
// A loader that never settles holds no process: it would end with 0.
const endless = (): void => {
  io.err('mintring: the command waits for something that cannot come any more\n')
  process.exitCode = exitCodes.failed
}
process.once('beforeExit', endless)
void runCommandLine(process.argv.slice(2), io)
  .then((code) => {
    process.off('beforeExit', endless)
    process.exitCode = code
    // Input that is still awaited, or another's work, must not hold up who pressed Ctrl-C. What the
    // verb printed goes out first.
    if (io.signal.aborted) process.stdout.write('', () => process.exit())
  })
  .finally(close)
