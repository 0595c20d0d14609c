import { cpSync, rmSync } from 'node:fs'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isrSuite } from '../next15/isr.ts'

// Runs the app of test/next15 with the version of Next.js that is installed in test/next.
const folder = fileURLToPath(new URL('isr/', import.meta.url))
for (const part of ['app', 'cache-handler.js', 'next.config.js']) {
  cpSync(fileURLToPath(new URL(`../next15/${part}`, import.meta.url)), `${folder}${part}`, {
    recursive: true,
  })
}
after(() => rmSync(folder, { recursive: true, force: true }))

isrSuite('an app of Next.js 16', folder, '../')
