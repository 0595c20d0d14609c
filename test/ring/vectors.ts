import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Key } from '../../src/ring/key.ts'

/** One recorded configuration of a real client. */
export interface Vector {
  readonly source: string
  readonly distribution: string
  readonly hash: string
  readonly servers: readonly VectorServer[]
  readonly options: Readonly<Record<string, unknown>>
  readonly keys: { readonly segments: readonly Segment[]; readonly odd: readonly string[] }
  readonly answers: readonly number[]
}

export interface VectorServer {
  readonly host: string
  readonly port: number
  readonly weight: number
  readonly name?: string
  readonly ip?: string
}

interface Segment {
  readonly fmt: string
  readonly from: number
  readonly step: number
  readonly count: number
}

type OddKeys = Readonly<Record<string, readonly string[]>>

/** The folder of the vectors: the project's own, or another in the same format. */
export const vectorFolder: string =
  process.env.MINTRING_VECTORS ?? fileURLToPath(new URL('../vectors/ring', import.meta.url))

/** Returns the recorded placements (vectors) in a folder, by file. Throws for an invalid one. */
export function readVectors(folder: string): Map<string, readonly Vector[]> {
  const files = new Map<string, readonly Vector[]>()
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.json') || file === 'odd-keys.json') continue
    const content: { format?: string; vectors?: Vector[] } = JSON.parse(
      readFileSync(join(folder, file), 'utf8'),
    )
    if (content.format !== 'ketama-vectors-1' || !Array.isArray(content.vectors)) {
      throw new Error(`${file} is not in the format ketama-vectors-1`)
    }
    files.set(file, content.vectors)
  }
  return files
}

/** The keys that odd-keys.json lists by class, base64. */
export function readOddKeys(folder: string): OddKeys {
  const content: { classes: OddKeys } = JSON.parse(
    readFileSync(join(folder, 'odd-keys.json'), 'utf8'),
  )
  return content.classes
}

/** The vector's keys, in the order of its results: text where it is UTF-8, else bytes. */
export function keysOf(vector: Vector, odd: OddKeys): Key[] {
  const keys: Key[] = []
  for (const { fmt, from, step, count } of vector.keys.segments) {
    for (let i = 0; i < count; i++) keys.push(formatted(fmt, from + i * step))
  }
  for (const name of vector.keys.odd) {
    const encoded = odd[name]
    if (encoded === undefined) throw new Error(`no class '${name}' in odd-keys.json`)
    for (const base64 of encoded) keys.push(textIfUtf8(Buffer.from(base64, 'base64')))
  }
  return keys
}

/** Formats a number by a C or Python format such as `key:%05d`: %d, %0Nd, %x and %%. */
function formatted(format: string, value: number): string {
  return format.replaceAll(/%(?:%|(0?)(\d*)([dixX]))/g, (match, zero, width, type) => {
    if (match === '%%') return '%'
    const digits = type === 'd' || type === 'i' ? String(value) : value.toString(16)
    const text = type === 'X' ? digits.toUpperCase() : digits
    return text.padStart(Number(width || 0), zero === '0' ? '0' : ' ')
  })
}

function textIfUtf8(bytes: Buffer): Key {
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? text : new Uint8Array(bytes)
}
