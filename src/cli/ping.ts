import { toClusterPolicy } from '../behaviors/policies.ts'
import { resolveBehaviors } from '../behaviors/resolve.ts'
import { isMintringError, MintringError } from '../errors.ts'
import { Cluster } from '../hosts/cluster.ts'
import type { Host } from '../hosts/host.ts'
import { Request, type Verb, verbOf } from '../net/request.ts'
import { versionHead } from '../protocol/admin.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { escaped } from '../secrets.ts'
import { type CliIo, exitCodes } from './io.ts'
import { type Cell, jsonText, styleOf, tableLines } from './style.ts'
import { cliTarget, parseCommand, targetHelp, targetOptions, wholeNumber } from './target.ts'

/** What `mintring ping --help` prints. */
export const pingHelp: string = `Usage: mintring ping [SERVER…] [options]

Asks every server for its version several times. Shows how long the replies take and what the server
supports. Exits with 1 if a server does not reply.

${targetHelp}  -n, --count N          how many times (default 5)

  mintring ping 10.0.0.1 10.0.0.2:11212
  mintring ping --servers memcacheds://cache.example.com:11211 --json
`

interface Answer {
  readonly host: string
  readonly address: string
  readonly ok: boolean
  readonly version?: string
  readonly meta?: boolean
  readonly cas?: boolean
  readonly proxy?: boolean
  readonly tls?: boolean
  readonly itemSizeMax?: number | undefined
  /** Time from the start of the dial until the server can be used, in milliseconds. */
  readonly connectMs?: number
  readonly medianMs?: number
  readonly maxMs?: number
  readonly code?: string
  readonly error?: string
}

const VERSION: Verb = verbOf({
  name: 'version',
  effect: 'read',
  repeatable: true,
  encode(_, out) {
    out.text(versionHead())
  },
  accept(request, reply) {
    if (reply.kind !== ReplyKind.Version) {
      throw new MintringError('MINTRING_PROTOCOL', 'the reply to version was not a version')
    }
    request.resolve(undefined)
    return true
  },
})

/** Runs `mintring ping`. Exits with 1 if a server does not reply. */
export async function pingCommand(argv: string[], io: CliIo): Promise<number> {
  const options = { ...targetOptions, count: { type: 'string', short: 'n' } } as const
  const { values, positionals } = parseCommand(argv, options)
  const count = wholeNumber('--count', values.count, 5, 1)
  const target = cliTarget(values, positionals, io)
  const settings = resolveBehaviors(target.behaviors)
  const cluster = new Cluster(target.servers, toClusterPolicy(settings))
  const answers = await Promise.all(
    cluster.hosts.map((host) => ask(cluster, host, count, io.signal)),
  )
  await cluster.close({ drainMs: 0 })
  if (values.json === true) io.out(`${jsonText(answers)}\n`)
  else io.out(`${table(answers, io).join('\n')}\n`)
  if (io.signal?.aborted === true) return exitCodes.interrupted
  return answers.every((answer) => answer.ok) ? exitCodes.ok : exitCodes.failed
}

async function ask(
  cluster: Cluster,
  host: Host,
  count: number,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const { name, address } = host
  const tls = host.server.tls ?? cluster.policy.tls
  try {
    const startMs = performance.now()
    const abilities = await host.ready()
    const connectMs = performance.now() - startMs
    const times: number[] = []
    for (let round = 0; round < count && signal?.aborted !== true; round++) {
      const sentMs = performance.now()
      const request = new Request(VERSION, undefined, '', undefined)
      cluster.dispatchTo(host, request)
      await request.promise
      times.push(performance.now() - sentMs)
    }
    times.sort((a, b) => a - b)
    const { version, meta, cas, proxy, itemSizeMax } = abilities
    return {
      ...{ host: name, address, ok: true, version, meta, cas, proxy, tls: tls !== false },
      ...{ itemSizeMax, connectMs: rounded(connectMs) },
      ...{ medianMs: rounded(times[times.length >> 1]), maxMs: rounded(times.at(-1)) },
    }
  } catch (error) {
    if (!isMintringError(error)) throw error
    return { host: name, address, ok: false, code: error.code, error: error.message }
  }
}

const rounded = (ms = Number.NaN): number => Math.round(ms * 1000) / 1000

const COLUMNS = [
  { title: 'server' },
  { title: 'state' },
  { title: 'median', isNumber: true },
  { title: 'max', isNumber: true },
  { title: 'connect', isNumber: true },
  { title: 'version' },
  { title: 'meta' },
  { title: 'cas' },
  { title: 'tls' },
]

function table(answers: readonly Answer[], io: CliIo): string[] {
  const style = styleOf(io)
  const word = (is: boolean | undefined): string => (is === true ? 'yes' : 'no')
  const ms = (value: number | undefined): string =>
    `${Number.isFinite(value) ? value!.toFixed(2) : '-'} ms`
  const rows = answers.map((answer): (string | Cell)[] => {
    const { host, ok, medianMs, maxMs, connectMs, version, meta, cas, tls, code, proxy } = answer
    if (!ok) return [host, { text: 'down', mark: style.red }, '-', '-', '-', code ?? '']
    const seen = `${version}${proxy === true ? ' (proxy)' : ''}`
    const times = [ms(medianMs), ms(maxMs), ms(connectMs)]
    return [host, { text: 'up', mark: style.green }, ...times, seen, ...[meta, cas, tls].map(word)]
  })
  const errors = answers.flatMap(({ ok, error }) =>
    ok ? [] : [style.dim(escaped(error ?? '', 400))],
  )
  return [...tableLines(COLUMNS, rows, style), ...errors]
}
