// mintring as its users get it: compiled by tsc. tsx would name every closure at run time.
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Compiles src/ to bench/dist and answers its front door's URL. `DIST` names another build. */
export function build() {
  if (process.env.DIST !== undefined) return pathToFileURL(`${process.env.DIST}/index.js`).href
  const out = `${root}bench/dist`
  const compiler = `${root}node_modules/typescript/lib/tsc.js`
  const info = ['--incremental', '--tsBuildInfoFile', `${out}/.tsbuildinfo`]
  const config = ['-p', `${root}scripts/tsconfig.esm.json`, '--outDir', out, ...info]
  const { status } = spawnSync(process.execPath, [compiler, ...config], { stdio: 'inherit' })
  if (status !== 0) console.error('mintring does not compile without errors')
  return pathToFileURL(`${out}/index.js`).href
}
