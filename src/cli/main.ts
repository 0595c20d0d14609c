#!/usr/bin/env node
import process from 'node:process'
import { runCommandLine } from './command-line.ts'
import { processIo } from './process-io.ts'

const { io, close } = processIo(process)
void runCommandLine(process.argv.slice(2), io)
  .then((code) => {
    process.exitCode = code
    // Input that is still awaited, or another's work, must not hold up who pressed Ctrl-C. What the
    // verb printed goes out first.
    if (io.signal.aborted) process.stdout.write('', () => process.exit())
  })
  .finally(close)
