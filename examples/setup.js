// Prepares an example: installs its packages, and builds mintring from this repository. In a
// service of your own both are `npm install mintring`.
import { spawnSync } from 'node:child_process'
import { existsSync, symlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const root = dirname(here)

const link = `${here}/node_modules/mintring`

if (!existsSync(`${here}/node_modules/express`)) npm(here, 'ci', '--ignore-scripts')
if (!existsSync(link)) symlinkSync('../..', link, 'junction')
if (!existsSync(`${root}/dist`)) {
  npm(root, 'run', 'setup')
  npm(root, 'run', 'build')
}

function npm(folder, ...args) {
  const command = [process.env.npm_execpath, ...args, '--no-audit', '--no-fund']
  const { status } = spawnSync(process.execPath, command, { cwd: folder, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
