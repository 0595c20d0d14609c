// Prepares a fresh clone: installs dependencies, and with --memcached a real memcached for the
// tests. Uses only Node itself, because it runs before anything is installed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from 'node:fs'
import { basename, delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const mayInstall = process.env.MINTRING_NO_INSTALL !== '1'

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  checkNode()
  if (!installed(root)) process.exit(1)
  if (process.argv.includes('--memcached')) provideMemcached()
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  console.error(`mintring needs Node 20.19 or newer; this is ${process.version}.`)
  process.exit(1)
}

/** Runs `npm ci` in a folder, unless the same lock file was installed there last. */
export function installed(folder) {
  if (!mayInstall) return true
  const stamp = join(folder, 'node_modules', '.setup-stamp')
  const lock = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return true
  console.error(`Installing the packages of ${basename(folder)} (once per lock file) …`)
  if (npm(folder, ['ci', '--no-audit', '--no-fund', '--loglevel=error']) !== 0) return false
  writeFileSync(stamp, lock)
  return true
}

/** Runs npm without a shell: the npm that runs this process, if there is one. */
function npm(cwd, args) {
  const cli = process.env.npm_execpath
  const [file, head] = cli ? [process.execPath, [cli]] : ['npm', []]
  return spawnSync(file, [...head, ...args], { cwd, stdio: ['ignore', 'ignore', 'inherit'] }).status
}

function provideMemcached() {
  const unpacked = join(root, 'node_modules', '.cache', 'memcached')
  const named = process.env.MEMCACHED_BIN
  const has = () => (named ? isExecutable(named) : onPath('memcached') || isUnpacked(unpacked))
  const isGettable = mayInstall && !named && onPath('apt-get')
  if (has() || (isGettable && (unpackDebian(unpacked) || installDebian()) && has())) return
  const how = process.platform === 'darwin' ? '`brew install memcached`' : 'your package manager'
  console.error(`No memcached: the tests on a real server will be skipped. Get one by ${how},`)
  console.error('or point MEMCACHED_BIN at one.')
}

function onPath(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin']
  return folders.some((folder) => isExecutable(join(folder, name)))
}

function isUnpacked(folder) {
  return isExecutable(join(folder, 'usr', 'bin', 'memcached'))
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Debian's package without root: downloaded, unpacked, not installed, and no service started. */
function unpackDebian(folder) {
  mkdirSync(folder, { recursive: true })
  const download = (options) =>
    quietly('apt-get', [...options, 'download', ...packages(options)], folder)
  if (!download([]) && !download(privateLists(folder))) return false
  const unpack = 'for deb in *.deb; do dpkg -x "$deb" . && rm "$deb" || exit 1; done'
  return quietly('sh', ['-c', unpack], folder) && isUnpacked(folder)
}

/**
 * memcached and the libraries it is linked to: their names contain an ABI that changes by release.
 */
function packages(options) {
  const asked = spawnSync('apt-cache', [...options, 'depends', 'memcached'], { encoding: 'utf8' })
  const libraries = [...(asked.stdout ?? '').matchAll(/Depends: (lib[\w.+-]+)/g)].map((m) => m[1])
  return ['memcached', ...libraries.filter((name) => name !== 'libc6')]
}

/** apt's lists are empty on a bare image, and only root may update them, so this makes a copy. */
function privateLists(folder) {
  const lists = join(folder, 'lists')
  mkdirSync(join(lists, 'partial'), { recursive: true })
  mkdirSync(join(folder, 'cache', 'archives', 'partial'), { recursive: true })
  const options = ['-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${join(folder, 'cache')}`]
  quietly('apt-get', [...options, 'update'], folder)
  return options
}

function installDebian() {
  if (process.getuid?.() !== 0) return false
  const install = ['install', '-y', '--no-install-recommends', 'memcached']
  return (
    quietly('apt-get', install, root) ||
    (quietly('apt-get', ['update'], root) && quietly('apt-get', install, root))
  )
}

function quietly(file, args, cwd) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync(file, args, { cwd, env, stdio: 'ignore' }).status === 0
}
