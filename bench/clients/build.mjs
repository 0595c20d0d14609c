// mintring as users get it: bundled.
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { writeCode } from '../../scripts/bundle.mjs'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Bundles src/ into bench/dist and returns its front door's URL. `DIST` names another build. */
export async function build() {
  if (process.env.DIST !== undefined) return pathToFileURL(`${process.env.DIST}/index.js`).href
  const out = `${root}bench/dist`
  await writeCode(out, ['index'], ['generic-pool', 'xxhash-wasm'])
  return pathToFileURL(`${out}/index.js`).href
}
