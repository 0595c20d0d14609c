import { type KeyHash, overBytes } from '../key.ts'
import { xxh32 } from './xxh32.ts'
import { xxh64 } from './xxh64.ts'

// Until xxhash-wasm has compiled, plain JavaScript computes the same hashes, more slowly.
let current32: KeyHash = overBytes(xxh32)
let current64: KeyHash = overBytes(xxh64)
let loading: Promise<void> | undefined

/** Returns the xxHash, 32 bits, seed 0, of the key's bytes. */
export function xxhash32(key: string | Uint8Array): number {
  return current32(key)
}

/** Returns the low 32 bits of the xxHash, 64 bits, seed 0, of the key's bytes. */
export function xxhash64(key: string | Uint8Array): number {
  return current64(key)
}

/** Compiles xxhash-wasm once per process. Without WebAssembly, plain JavaScript stays in use. */
export function loadXxhash(): Promise<void> {
  loading ??= compile()
  return loading
}

async function compile(): Promise<void> {
  try {
    const { default: xxhash } = await import('xxhash-wasm')
    const wasm = await xxhash()
    current32 = (key) => (typeof key === 'string' ? wasm.h32(key) : wasm.h32Raw(key)) | 0
    current64 = (key) => {
      const hash = typeof key === 'string' ? wasm.h64(key) : wasm.h64Raw(key)
      return Number(BigInt.asIntN(32, hash))
    }
  } catch {
    // Plain JavaScript returns the same hashes, so there is nothing to report.
  }
}
