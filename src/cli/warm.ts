import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { MemcachedClient } from '../client/client.ts'
import type { Ttl } from '../client/ttl.ts'
import type { WarmLoader, WarmProgress } from '../client/warm-options.ts'
import { isMintringError } from '../errors.ts'
import { fileStream } from './file-stream.ts'
import { type CliIo, exitCodeOf, exitCodes, UsageError } from './io.ts'
import { cliTarget, parseCommand, targetHelp, targetOptions, wholeNumber } from './target.ts'
import { type BarProgress, WarmBar } from './warm-bar.ts'
import { copyFrom } from './warm-from.ts'

/** What `mintring warm --help` prints. */
export const warmHelp: string = `Usage: mintring warm --loader MODULE [SERVER…] [options]
       mintring warm --from LIST [SERVER…] [options]

Fills a cache: calls the loader with every key, several at a time, and stores what it returns. Keys
come from standard input or a file, one per line, or from the module.

  --loader MODULE        a JavaScript module that exports load(key). It may also export keys:
                         an iterable, sync or async, or a function that returns one
  --keys FILE            the keys, one per line; - is standard input (the default, unless the
                         module exports keys)
  --total N              number of keys, for the progress bar
  --ttl TTL              seconds, or a duration such as 5m (default 0: until evicted)
  -c, --concurrency N    keys at a time (default 16)
  --rate N               limit of keys per second
  --resume-from LOG      a log file, from which an interrupted run continues. Ctrl-C ends a
                         run within a second, and shows how far it came

With --from it copies the values that move during a change of servers to their new hosts. It reads
the keys from the servers before the change. Start it when the change begins.

  --from LIST            the servers before the change
  --from-set NAME=VALUE  a behavior that they had, such as distribution=modula; repeatable
  -c, --rate, --resume-from as above; a second run skips the values that are already there
${targetHelp}
  mintring warm --loader ./pages.mjs --keys urls.txt --resume-from warm.log --ttl 1h
  mintring warm --from a,b,c -s a,b,c,d --set announce=2m --rate 2000
`

const options = {
  ...targetOptions,
  loader: { type: 'string' },
  keys: { type: 'string' },
  total: { type: 'string' },
  ttl: { type: 'string' },
  concurrency: { type: 'string', short: 'c' },
  rate: { type: 'string' },
  'resume-from': { type: 'string' },
  from: { type: 'string' },
  'from-set': { type: 'string', multiple: true },
} as const

const MAX_SHOWN_ERRORS = 10

/** What the module given as `--loader` exports. */
interface LoaderModule {
  readonly load?: WarmLoader
  readonly keys?: KeySource | (() => KeySource)
}

type KeySource = Iterable<string> | AsyncIterable<string>

/** Runs `mintring warm`. Exits with 1 if the cache stopped storing, or a key failed. */
export async function warmCommand(argv: string[], io: CliIo): Promise<number> {
  const { values, positionals } = parseCommand(argv, options)
  if (values.from !== undefined) return copyFrom(values.from, values, positionals, io)
  if (values['from-set'] !== undefined) throw new UsageError('--from-set requires --from LIST')
  if (values.loader === undefined)
    throw new UsageError('warm requires --loader MODULE, or --from LIST')
  const { load, keys } = await readModule(values.loader)
  const rate = values.rate === undefined ? undefined : wholeNumber('--rate', values.rate, 1, 1)
  const total = wholeNumber('--total', values.total, 0, 0)
  const target = cliTarget(values, positionals, io)
  const source = keysFrom(values.keys, keys, io)
  const bar = new WarmBar(io)
  let shown = 0
  await using cache = new MemcachedClient(target.servers, target.behaviors)
  try {
    const done = await cache.warm(source, load, {
      ttl: ttlOf(values.ttl),
      concurrency: wholeNumber('--concurrency', values.concurrency, 16, 1),
      perSecond: rate,
      resumeFrom: values['resume-from'],
      signal: io.signal,
      onProgress: (progress) => bar.update(barOf(progress, total)),
      onError: (error, key) => {
        if (shown++ < MAX_SHOWN_ERRORS) io.err(`${bar.clear()}${key}: ${messageOf(error)}\n`)
      },
    })
    io.out(bar.clear() + summary(done, values.json === true))
    return done.failed + done.elsewhere > 0 ? exitCodes.failed : exitCodes.ok
  } catch (error) {
    if (!isMintringError(error)) throw error
    const isInterrupted = io.signal?.aborted === true
    // After Ctrl-C, do not wait for pending commands.
    if (isInterrupted) await cache.close({ drainMs: 0 })
    const why = error.message.replace('resumeFrom', '--resume-from LOG')
    io.err(`${bar.clear()}mintring warm: ${why} (${error.code})\n`)
    return isInterrupted ? exitCodes.interrupted : exitCodeOf(error)
  }
}

/**
 * Hides the import() from the bundler, which would turn it into a require(): that accepts no URL
 * and no top-level await.
 */
const importModule = new Function('url', 'return import(url)') as (
  url: string,
) => Promise<LoaderModule>

async function readModule(path: string): Promise<LoaderModule & { readonly load: WarmLoader }> {
  let module: LoaderModule
  try {
    module = await importModule(pathToFileURL(resolve(path)).href)
  } catch (error) {
    throw new UsageError(`--loader ${path}: ${messageOf(error)}`)
  }
  const { load, keys } = module
  if (typeof load !== 'function') throw new UsageError(`--loader ${path} exports no load(key)`)
  return { load, ...(keys === undefined ? {} : { keys }) }
}

function keysFrom(file: string | undefined, exported: LoaderModule['keys'], io: CliIo): KeySource {
  if (file === undefined && exported !== undefined) {
    return typeof exported === 'function' ? exported() : exported
  }
  if (file !== undefined && file !== '-') return linesOf(fileStream(file))
  if (io.stdin === undefined) throw new UsageError('warm requires --keys FILE')
  return linesOf(Readable.from(io.stdin))
}

async function* linesOf(input: Readable): AsyncIterable<string> {
  // A failure to open the file is an event, which the loop over lines does not report.
  const failed = new Promise<never>((_, reject) => input.once('error', reject))
  failed.catch(() => {})
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
  for await (const line of lines) if (line !== '') yield line
  if (input.errored) await failed
}

function ttlOf(text: string | undefined): Ttl | undefined {
  if (text === undefined) return undefined
  return /^\d+$/.test(text) ? Number(text) : (text as Ttl)
}

function barOf({ taken, resumed, failed }: WarmProgress, total: number): BarProgress {
  return { done: taken, before: resumed, failed, total }
}

function summary(done: WarmProgress, isJson: boolean): string {
  if (isJson) return `${JSON.stringify(done)}\n`
  const { taken, stored, skipped, failed, resumed, elsewhere } = done
  const counts = `${stored} stored, ${skipped} skipped, ${failed} failed, ${resumed} before`
  const away = elsewhere > 0 ? `, ${elsewhere} on a fallback host: their own was ejected` : ''
  return `${taken} keys: ${counts}${away}\n`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
