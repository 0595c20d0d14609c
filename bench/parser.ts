// The reply parser alone, compared with npm's memcache-parser (which has no meta replies): `npm run
// bench -- parser`. Nanoseconds per reply, for hits cut into chunks of several sizes, and how many
// times faster it is than memcache-parser.
// "view" reads the value in place, "copy" keeps it as a Buffer, "string" as UTF-8.
import process from 'node:process'
import { MemcacheParser } from 'memcache-parser'
import { bench, do_not_optimize, run } from 'mitata'
import type { Reply } from '../src/protocol/reply.ts'
import { ReplyParser } from '../src/protocol/reply-parser.ts'

const STREAM_BYTES = 2 * 1024 * 1024
const silent = { error() {}, debug() {}, info() {}, warn() {} }

interface Stream {
  readonly name: string
  readonly replies: number
  readonly chunks: readonly Buffer[]
}

function hit(verb: 'get' | 'mg', valueBytes: number, index: number): string {
  const key = `user:profile:${1000 + (index % 9000)}`
  const value = 'v'.repeat(valueBytes)
  if (verb === 'get') return `VALUE ${key} 0 ${valueBytes}\r\n${value}\r\n`
  return `VA ${valueBytes} f0 t30 c123456 k${key}\r\n${value}\r\n`
}

function stream(verb: 'get' | 'mg', valueBytes: number, chunkBytes: number): Stream {
  const replies = Math.ceil(STREAM_BYTES / (valueBytes + 40))
  const bytes = Buffer.from(
    Array.from({ length: replies }, (_, index) => hit(verb, valueBytes, index)).join(''),
  )
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    chunks.push(bytes.subarray(at, at + chunkBytes))
  }
  return { name: `${verb} ${valueBytes} B in ${chunkBytes} B chunks`, replies, chunks }
}

/** memcache-parser as memcache-client uses it: tokens of the line, then the value as a Buffer. */
class OldParser extends MemcacheParser {
  replies = 0
  override processCmd(tokens: string[]): number {
    if (tokens[0] === 'VALUE') this.initiatePending(tokens, Number(tokens[3]))
    return tokens.length
  }
  override receiveResult(result: unknown): void {
    do_not_optimize(result)
    this.replies++
  }
}

const readers: Record<string, (reply: Reply) => unknown> = {
  view: (reply) => reply.dataEnd,
  copy: (reply) => reply.valueBuffer(),
  string: (reply) => reply.valueString(),
}

function runOurs({ chunks, replies }: Stream, read: (reply: Reply) => unknown): void {
  let seen = 0
  const parser = new ReplyParser((reply) => {
    do_not_optimize(read(reply))
    seen++
  })
  for (const chunk of chunks) parser.push(chunk)
  if (seen !== replies) throw new Error(`heard ${seen} of ${replies} replies`)
}

function runOld({ chunks, replies }: Stream): void {
  const parser = new OldParser(silent)
  for (const chunk of chunks) parser.onData(chunk)
  if (parser.replies !== replies) throw new Error(`heard ${parser.replies} of ${replies} replies`)
}

/** Bytes of the JavaScript heap per reply, values read in place. Needs node --expose-gc. */
function heapBytesPerReply({ chunks, replies }: Stream): number {
  let seen = 0
  const parser = new ReplyParser((reply) => {
    seen += reply.dataEnd > 0 ? 1 : 0
  })
  const pushAll = (times: number): void => {
    for (let i = 0; i < times; i++) for (const chunk of chunks) parser.push(chunk)
  }
  pushAll(20)
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  pushAll(20)
  const grown = process.memoryUsage().heapUsed - before
  if (seen !== replies * 40) throw new Error(`heard ${seen} of ${replies * 40} replies`)
  return grown / (replies * 20)
}

const streams: Stream[] = []
for (const [verb, valueBytes] of [
  ['get', 100],
  ['mg', 100],
  ['get', 10_240],
] as const) {
  for (const chunkBytes of [1460, 65_536, 262_144]) {
    streams.push(stream(verb, valueBytes, chunkBytes))
  }
}
const replyCounts = new Map(streams.map((given) => [given.name, given.replies]))

for (const given of streams) {
  if (!given.name.startsWith('mg')) {
    bench(`${given.name}: memcache-parser`, () => runOld(given))
  }
  for (const [name, read] of Object.entries(readers)) {
    bench(`${given.name}: mintring, ${name}`, () => runOurs(given, read))
  }
}

const { benchmarks } = await run({ format: 'quiet' })
let old = Number.NaN
for (const { alias, runs } of benchmarks) {
  const stats = runs[0]?.stats
  const replies = replyCounts.get(alias.slice(0, alias.indexOf(':')))
  if (!stats || !replies) continue
  // The best of many runs: other work of the machine only adds time.
  const ns = stats.min / replies
  if (alias.endsWith('memcache-parser')) old = ns
  const ratio = alias.startsWith('mg') ? '' : `${(old / ns).toFixed(1)} x`
  console.log(`${ns.toFixed(0).padStart(6)} ns ${ratio.padStart(7)}  ${alias}`)
}
for (const given of streams.slice(0, 6)) {
  const grown = heapBytesPerReply(given).toFixed(1)
  console.log(`${grown.padStart(6)} bytes of heap per reply  ${given.name}, view`)
}
