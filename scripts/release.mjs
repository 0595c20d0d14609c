// Prepares a release: dates the section "Unreleased" of the changelog and sets the version.
//   node scripts/release.mjs 0.2.0          writes CHANGELOG.md, package.json and package-lock.json
//   node scripts/release.mjs --notes 0.2.0  prints what the changelog says of that version
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The changelog with its section "Unreleased" renamed to a version, and a new empty one above. */
export function dated(changelog, version, day) {
  const [, unreleased] = changelog.match(/^## Unreleased\n+([\s\S]*?)(?=^## |$(?![\s\S]))/m) ?? []
  if (!unreleased?.trim()) throw new Error('CHANGELOG.md says nothing under "## Unreleased"')
  if (sectionOf(changelog, version)) throw new Error(`CHANGELOG.md has ${version} already`)
  return changelog.replace('## Unreleased\n', `## Unreleased\n\n## ${version} (${day})\n`)
}

/** What the changelog says of one version. */
export function notesOf(changelog, version) {
  const notes = sectionOf(changelog, version)
  if (!notes) throw new Error(`CHANGELOG.md says nothing of ${version}`)
  return notes
}

function sectionOf(changelog, version) {
  const sections = changelog.split(/^## /m).slice(1)
  const found = sections.find((section) => section.startsWith(`${version} (`))
  return found?.slice(found.indexOf('\n')).trim()
}

function run(args) {
  const path = join(root, 'CHANGELOG.md')
  const changelog = readFileSync(path, 'utf8')
  const version = args.at(-1) ?? ''
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) throw new Error('name a version, such as 0.2.0')
  if (args[0] === '--notes') {
    process.stdout.write(`${notesOf(changelog, version)}\n`)
    return
  }
  const day = new Date().toISOString().slice(0, 10)
  writeFileSync(path, dated(changelog, version, day))
  const set = ['version', version, '--no-git-tag-version', '--allow-same-version']
  execFileSync('npm', set, { cwd: root, stdio: 'inherit' })
  process.stdout.write(`Read the changelog once more, commit, then: git tag v${version}\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    run(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}
