// Builds dist/, unless the last build by this program is newer than all sources. Test files that
// run at the same time take a lock first: a build removes dist/, from which their apps import.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const stamp = join(root, 'node_modules/.cache/next-tests-built')

if (!isFresh()) {
  const started = new Date()
  const options = { cwd: root, stdio: 'inherit' }
  if (spawnSync(process.execPath, ['scripts/build.mjs'], options).status !== 0) process.exit(1)
  writeFileSync(stamp, '')
  // A source that changed during the build is newer.
  utimesSync(stamp, started, started)
}

function isFresh() {
  if (!existsSync(stamp) || !existsSync(join(root, 'dist/esm/index.js'))) return false
  const builtMs = statSync(stamp).mtimeMs
  const folders = ['src', 'scripts'].map((name) => join(root, name))
  const sources = folders.flatMap((folder) => [
    folder,
    ...readdirSync(folder, { recursive: true }).map((name) => join(folder, name)),
  ])
  return [join(root, 'package.json'), ...sources].every((path) => statSync(path).mtimeMs < builtMs)
}
