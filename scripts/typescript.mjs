// `node --import ./scripts/typescript.mjs FILE` runs TypeScript, as `--import tsx` does, but keeps
// the JavaScript: each test file is a process of its own that loads most of the sources, and 250 of
// them would spend half a second each on it.
import { register } from 'node:module'
import process from 'node:process'

process.setSourceMapsEnabled(true)
register('./typescript-hooks.mjs', import.meta.url)
