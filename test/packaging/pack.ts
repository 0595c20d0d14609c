import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { root } from '../house/sources.ts'

/** The output of `npm pack --json` for the tarball. */
export interface Packed {
  /** Absolute path of the tarball. */
  readonly tarball: string
  readonly bytes: number
  readonly unpackedBytes: number
  /** The paths in the package. */
  readonly files: readonly string[]
}

/** Runs npm, the one that runs this process if there is one, and returns its output. */
export function npm(cwd: string, ...args: string[]): string {
  const cli = process.env.npm_execpath
  const [file, head] = cli ? [process.execPath, [cli]] : ['npm', []]
  return execFileSync(file, [...head, ...args], { cwd, encoding: 'utf8', stdio: 'pipe' })
}

/** Builds the project and packs it into a folder. */
export function pack(folder: string): Packed {
  const said = npm(root, 'pack', '--json', '--loglevel=silent', '--pack-destination', folder)
  const told: unknown = JSON.parse(said.slice(said.search(/^[[{]/m)))
  const [first] = Object.values(told as Record<string, NpmPack>)
  if (!first) throw new Error(`npm pack said ${said}`)
  return {
    tarball: join(folder, first.filename),
    bytes: first.size,
    unpackedBytes: first.unpackedSize,
    files: first.files.map((file) => file.path),
  }
}

interface NpmPack {
  readonly filename: string
  readonly size: number
  readonly unpackedSize: number
  readonly files: readonly { readonly path: string }[]
}

/** A new folder outside the repository, so that no module of it is found by accident. */
export function newFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'mintring-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** A user's project with only the tarball installed. */
export function installInto(folder: string, tarball: string): void {
  writeFileSync(join(folder, 'package.json'), '{ "name": "user", "private": true }\n')
  npm(folder, 'install', '--no-audit', '--no-fund', '--prefer-offline', tarball)
}

/** Runs a program in a folder; the error of a failure has its whole output. */
export function runIn(folder: string, file: string, ...args: string[]): string {
  try {
    return execFileSync(file, args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${file} ${args.join(' ')}\n${stdout}${stderr}`)
  }
}
