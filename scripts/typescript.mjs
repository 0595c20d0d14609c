// `node --import ./scripts/typescript.mjs FILE` runs TypeScript. It keeps the JavaScript, because
// each of 250 test files is a process of its own that loads most of the sources.
import module from 'node:module'
import process from 'node:process'
import { load } from './typescript-hooks.mjs'

process.setSourceMapsEnabled(true)
// Node 20 runs hooks only in a thread of their own.
if (module.registerHooks !== undefined) module.registerHooks({ load })
else module.register('./typescript-hooks.mjs', import.meta.url)
