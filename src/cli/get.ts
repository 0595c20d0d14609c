import { MemcachedClient } from '../client/client.ts'
import type { MetaReply } from '../client/verbs/meta.ts'
import { isMintringError } from '../errors.ts'
import { escaped } from '../secrets.ts'
import { type CliIo, exitCodes, UsageError } from './io.ts'
import { ageText, bytesText, jsonText, styleOf } from './style.ts'
import { cliTarget, parseCommand, targetHelp, targetOptions } from './target.ts'

/** What `mintring get --help` prints. */
export const getHelp: string = `Usage: mintring get KEY [options]

Shows a value, the host it came from, its flags, its size and its remaining ttl. Exits with 1 if the
key has no value.

${targetHelp}  --raw                  only the value: text and bytes unchanged, other types as JSON

  mintring get user:1 --servers 10.0.0.1,10.0.0.2
  mintring get user:1 --raw > user.json
`

/** How many characters of a value are shown in a terminal. */
const MAX_SHOWN_CHARACTERS = 4_000
const MAX_SHOWN_BYTES = 256

interface Found {
  readonly value: unknown
  readonly flags: number
  readonly cas: bigint
  /** The item's metadata; undefined if the server has no meta commands. */
  readonly meta: MetaReply | undefined
}

/** Runs `mintring get KEY`. Exits with 1 if the key has no value, or the read fails. */
export async function getCommand(argv: string[], io: CliIo): Promise<number> {
  const options = { ...targetOptions, raw: { type: 'boolean' } } as const
  const { values, positionals } = parseCommand(argv, options)
  const [key, ...others] = positionals
  if (key === undefined || others.length > 0) throw new UsageError('get takes one key')
  const target = cliTarget(values, [], io)
  await using client = new MemcachedClient(target.servers, target.behaviors)
  const found = await find(client, key, io.signal)
  const host = client.locate(key).server
  if (values.json === true) io.out(`${asJson(key, host, found)}\n`)
  else if (found === undefined) io.err(`mintring get: ${host} has no value of ${escaped(key)}\n`)
  else if (values.raw === true) io.out(rawText(found.value))
  else io.out(picture(key, host, found, io))
  return found === undefined ? exitCodes.failed : exitCodes.ok
}

async function find(
  client: MemcachedClient,
  key: string,
  signal: AbortSignal | undefined,
): Promise<Found | undefined> {
  const entry = await client.gets(key, { signal })
  if (entry === undefined) return undefined
  try {
    const meta = await client.meta.mg(key, { t: true, s: true }, { signal })
    return { ...entry, meta }
  } catch (error) {
    if (isMintringError(error) && error.code === 'MINTRING_UNSUPPORTED') {
      return { ...entry, meta: undefined }
    }
    throw error
  }
}

function asJson(key: string, host: string, found: Found | undefined): string {
  if (found === undefined) return jsonText({ key, host, found: false })
  const { value, flags, cas, meta } = found
  const shown = value instanceof Uint8Array ? { base64: base64(value) } : value
  const { size, ttl } = meta ?? {}
  return jsonText({ key, host, found: true, value: shown, flags, cas, size, ttl })
}

function picture(key: string, host: string, found: Found, io: CliIo): string {
  const style = styleOf(io)
  const { value, flags, cas, meta } = found
  const lives = meta?.ttl === -1 ? 'until evicted' : `${ageText(meta?.ttl ?? Number.NaN)} more`
  const facts: (readonly [string, string])[] = [
    ['on', host],
    ['type', kindOf(value)],
    ['size', meta === undefined ? '-' : bytesText(meta.size)],
    ['lives', meta?.ttl === undefined ? '-' : lives],
    ['flags', String(flags)],
    ['cas', String(cas)],
  ]
  const lines = facts.map(([name, text]) => `  ${style.dim(name.padEnd(7))}${escaped(text)}\n`)
  return `${style.bold(escaped(key))}\n${lines.join('')}\n${shownValue(value)}\n`
}

function kindOf(value: unknown): string {
  if (value instanceof Uint8Array) return 'bytes'
  if (value === null) return 'null'
  return typeof value === 'object' ? 'JSON' : typeof value
}

/** Escapes the value line by line: it may be a page, and must not move the cursor. */
function shownValue(value: unknown): string {
  if (value instanceof Uint8Array) {
    const more = value.length > MAX_SHOWN_BYTES ? ' …' : ''
    return (
      Buffer.from(value)
        .toString('hex', 0, MAX_SHOWN_BYTES)
        .replace(/..(?=.)/g, '$& ') + more
    )
  }
  const text = typeof value === 'object' ? jsonText(value, 2) : String(value)
  const more = text.length > MAX_SHOWN_CHARACTERS ? '\n…' : ''
  const lines = text.slice(0, MAX_SHOWN_CHARACTERS).split('\n')
  return lines.map((line) => escaped(line, MAX_SHOWN_CHARACTERS)).join('\n') + more
}

function rawText(value: unknown): string | Uint8Array {
  if (value instanceof Uint8Array) return value
  return typeof value === 'object' ? jsonText(value) : String(value)
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
