import type { Deadline } from '../deadline.ts'
import { MintringError } from '../errors.ts'
import type { Cluster } from '../hosts/cluster.ts'
import { refuse } from '../net/refusal.ts'
import type { Verb } from '../net/request.ts'
import { Request, verbOf } from '../net/request.ts'
import { atMostExptime } from '../protocol/exptime.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { storeHead } from '../protocol/request.ts'
import { crypto } from '../runtime.ts'
import type { Keys } from './keys.ts'
import type { OperationOptions } from './options.ts'
import { applyOptions } from './options.ts'
import type { Encoded } from './values/codec.ts'
import { badValue } from './values/json.ts'
import { ValueFlag } from './values/mintring.ts'
import { textBytes } from './values/text.ts'

/** How many chunks are sent at once: enough to keep all hosts busy, few enough to bound memory. */
const WINDOW = 16
/** The maximum number of chunks per value: 4 GiB at the default item size. */
const MAX_CHUNKS = 4096

const CHUNK_SET: Verb = verbOf({
  name: 'set',
  effect: 'change',
  repeatable: true,
  isWhole: true,
  encode({ wireKey, exptime, body }, out, maxTtl) {
    const ttl = atMostExptime(exptime, maxTtl)
    out.text(storeHead('set', wireKey, ValueFlag.Written, ttl, body!.length))
    out.data(body!)
  },
  accept(request, reply) {
    if (reply.kind !== ReplyKind.Stored) return refuse(request, reply)
    request.resolve(undefined)
    return true
  },
})

const CHUNK_GET: Verb = verbOf({
  name: 'get',
  effect: 'read',
  repeatable: true,
  isWhole: true,
  coalesce: true,
  accept(request, reply) {
    if (reply.kind !== ReplyKind.Value) return refuse(request, reply)
    request.resolve(reply.valueBuffer())
    return true
  },
  miss(request) {
    request.resolve(undefined)
  },
})

/**
 * Stores values that exceed the item size as several items. Each write uses new chunk keys (a
 * random UUID) and stores the chunks before the manifest that names them. So a reader sees one
 * whole version, or a miss when a chunk is gone, but never a mixture. Chunks of older versions
 * remain until they expire or are evicted. A manifest is `<chunk key base> <chunks> <bytes>`.
 */
export class Chunks {
  readonly #cluster: Cluster
  readonly #keys: Keys

  constructor(cluster: Cluster, keys: Keys) {
    this.#cluster = cluster
    this.#keys = keys
  }

  /**
   * Stores the chunks of a body. Resolves to the manifest, which the caller stores under the key.
   */
  async write(
    encoded: Encoded,
    exptime: number,
    chunkBytes: number,
    deadline: Deadline,
  ): Promise<Encoded> {
    const bytes = textBytes(encoded.body)
    const count = Math.ceil(bytes.length / chunkBytes)
    if (count > MAX_CHUNKS) {
      throw new MintringError(
        'MINTRING_TOO_LARGE',
        `a value of ${bytes.length} bytes is over ${MAX_CHUNKS} chunks of maxItemBytes`,
      )
    }
    const base = `~chunk~${crypto().randomUUID()}`
    // Async, so that a timeout that next() throws rejects, and earlier chunks are still awaited.
    await each(count, async (index) => {
      const key = this.#keys.wireKey(`${base}~${index}`)
      const body = bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes)
      const request = new Request(CHUNK_SET, key, key, undefined, undefined, body, 0, exptime)
      return this.#ask(request, deadline.next())
    })
    return { body: `${base} ${count} ${bytes.length}`, flags: encoded.flags | ValueFlag.Manifest }
  }

  /**
   * Reads the chunks of a manifest. Resolves to the body, or to undefined when a chunk is missing.
   */
  async read(manifest: string): Promise<Buffer | undefined> {
    const { base, count, bytes } = parseManifest(manifest)
    const parts: Buffer[] = []
    let isWhole = true
    await each(count, async (index) => {
      if (!isWhole) return
      const key = this.#keys.wireKey(`${base}~${index}`)
      const request = new Request<Buffer | undefined>(CHUNK_GET, key, key, undefined)
      const part = await this.#ask(request, undefined)
      if (part === undefined) isWhole = false
      else parts[index] = part
    })
    if (!isWhole) return undefined
    const whole = Buffer.concat(parts)
    return whole.length === bytes ? whole : undefined
  }

  #ask<Result>(request: Request<Result>, options: OperationOptions | undefined): Promise<Result> {
    if (options !== undefined) applyOptions(request as Request, options)
    this.#cluster.dispatch(request as Request)
    return request.promise
  }
}

async function each(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  for (let first = 0; first < count; first += WINDOW) {
    const window: Promise<unknown>[] = []
    for (let i = first; i < Math.min(count, first + WINDOW); i++) window.push(work(i))
    await Promise.all(window)
  }
}

interface Manifest {
  readonly base: string
  readonly count: number
  readonly bytes: number
}

const MANIFEST = /^(~chunk~[0-9a-f-]{36}) (\d{1,4}) (\d{1,10})$/
/** The maximum length of a manifest. */
const MAX_MANIFEST_BYTES = 60

/** Returns the total size of the chunks that a manifest lists; 0 for an item that is none. */
export function bytesOfChunks(flags: number, bodyBytes: number, text: () => string): number {
  if ((flags & ValueFlag.Manifest) === 0 || bodyBytes > MAX_MANIFEST_BYTES) return 0
  return Number(MANIFEST.exec(text())?.[3] ?? 0)
}

/** Parses a manifest. Any client of the cache can write one, so it is untrusted input. */
function parseManifest(text: string): Manifest {
  const match = MANIFEST.exec(text)
  const count = Number(match?.[2])
  if (match !== null && count >= 1 && count <= MAX_CHUNKS) {
    return { base: match[1]!, count, bytes: Number(match[3]) }
  }
  throw badValue('a stored value is not a chunk manifest, although its flags say so')
}
