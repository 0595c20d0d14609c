import { MemcachedClient } from '../client/client.ts'
import { escaped } from '../secrets.ts'
import { type CliIo, exitCodes, UsageError } from './io.ts'
import { jsonText } from './style.ts'
import { cliTarget, parseCommand, targetHelp, targetOptions } from './target.ts'

/** What `mintring set --help` prints. */
export const setHelp: string = `Usage: mintring set KEY VALUE [options]

Stores a value. Exits with 1 if the server did not store it.

${targetHelp}  --ttl TTL              seconds, or a duration such as 5m (default: until evicted)
  --as text|json|bytes   the type of VALUE (default text); bytes are in base64
  VALUE                  - reads standard input

  mintring set greeting hello --ttl 60 --servers 10.0.0.1,10.0.0.2
  mintring set greeting:1 '{"name":"Ada"}' --as json
`

/** The limit on standard input in bytes. */
const MAX_INPUT_BYTES = 128 * 1024 * 1024

/** Runs `mintring set KEY VALUE`. Exits with 1 if the server does not store the value. */
export async function setCommand(argv: string[], io: CliIo): Promise<number> {
  const options = {
    ...targetOptions,
    ttl: { type: 'string' },
    as: { type: 'string' },
  } as const
  const { values, positionals } = parseCommand(argv, options)
  const [key, text, ...others] = positionals
  if (key === undefined || text === undefined || others.length > 0) {
    throw new UsageError('set takes a key and a value')
  }
  const bytes = text === '-' ? await readAll(io) : Buffer.from(text)
  const value = readAs(bytes, values.as ?? 'text')
  const ttl = values.ttl === undefined ? undefined : ttlOf(values.ttl)
  const target = cliTarget(values, [], io)
  await using client = new MemcachedClient(target.servers, target.behaviors)
  const stored = await client.set(key, value, { ttl, signal: io.signal })
  const host = client.locate(key).server
  if (values.json === true) io.out(`${jsonText({ key, host, stored })}\n`)
  else if (stored) io.out(`${escaped(key)} is stored on ${escaped(host)}\n`)
  else io.err(`mintring set: ${escaped(host)} did not store ${escaped(key)}\n`)
  return stored ? exitCodes.ok : exitCodes.failed
}

function readAs(bytes: Buffer, as: string): unknown {
  switch (as) {
    case 'text':
      return bytes.toString('utf8')
    case 'bytes':
      return bytesOf(bytes.toString('latin1'))
    case 'json':
      return jsonOf(bytes.toString('utf8'))
    default:
      throw new UsageError(`--as takes text, json or bytes, not '${escaped(as)}'`)
  }
}

function bytesOf(text: string): Buffer {
  const digits = text.replace(/\s/g, '')
  const isBase64 = /^[\w+/-]*={0,2}$/.test(digits) && digits.replace(/=/g, '').length % 4 !== 1
  if (isBase64) return Buffer.from(digits, 'base64')
  throw new UsageError('the value is not base64, which --as bytes requires')
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError('the value is not valid JSON, which --as json requires')
  }
}

/** Parses digits as seconds. The client checks any other text. */
function ttlOf(text: string): number | '5m' {
  return /^\d+$/.test(text) ? Number(text) : (text as '5m')
}

async function readAll(io: CliIo): Promise<Buffer> {
  if (io.stdin === undefined) throw new UsageError('there is no standard input to read')
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of io.stdin) {
    chunks.push(chunk)
    size += chunk.length
    if (size > MAX_INPUT_BYTES) throw new UsageError(`the input is over ${MAX_INPUT_BYTES} bytes`)
  }
  return Buffer.concat(chunks)
}
