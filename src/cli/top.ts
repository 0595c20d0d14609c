import { setTimeout as sleep } from 'node:timers/promises'
import { type CliIo, exitCodes, UsageError } from './io.ts'
import { cliTarget, parseCommand, targetHelp, targetOptions, wholeNumber } from './target.ts'
import { Fleet, type Frame } from './top-fleet.ts'
import { frameLines } from './top-screen.ts'

/** What `mintring top --help` prints. */
export const topHelp: string = `Usage: mintring top [SERVER…] [options]

Watches servers: operations, hit ratio, latency and state, once a second. In a terminal it draws
one screen; q or Ctrl-C ends it. Into a pipe or a file it writes a table per look, or a line with
--json.

${targetHelp}  -i, --interval SECONDS how often to look (default 1)
  -n, --count N          how many looks; until told to stop by default

  mintring top --servers 10.0.0.1,10.0.0.2
  mintring top --count 1 --json
`

/** Another screen than the shell's, without a cursor; and back. */
const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

/** `mintring top`: exit 0 when it was told to stop, 1 when no server answered at its last look. */
export async function topCommand(argv: string[], io: CliIo): Promise<number> {
  const options = {
    ...targetOptions,
    interval: { type: 'string', short: 'i' },
    count: { type: 'string', short: 'n' },
  } as const
  const { values, positionals } = parseCommand(argv, options)
  const intervalMs = intervalOf(values.interval)
  const count = wholeNumber('--count', values.count, Number.POSITIVE_INFINITY, 1)
  const fleet = new Fleet(cliTarget(values, positionals, io))
  const show = values.json === true ? showJson : io.isTTY ? showScreen : showTable
  const isScreen = show === showScreen
  const stop = stopOf(io)
  if (isScreen) io.out(ENTER)
  try {
    let frame = await fleet.look()
    show(frame, io)
    for (let looks = 1; looks < count && (await pause(intervalMs, stop.signal)); looks++) {
      frame = await fleet.look()
      show(frame, io)
    }
    const isWell = stop.signal.aborted || frame.hosts.some((host) => host.isAnswering)
    return isWell ? exitCodes.ok : exitCodes.failed
  } finally {
    if (isScreen) io.out(LEAVE)
    stop.forget()
    await fleet.close()
  }
}

function intervalOf(text: string | undefined): number {
  const seconds = Number(text ?? '1')
  if (seconds >= 0.1 && seconds <= 3600) return seconds * 1000
  throw new UsageError(`--interval takes seconds from 0.1 to 3600, not '${text}'`)
}

/** Fires on SIGINT or SIGTERM, or on the keys q, Escape and Ctrl-C. */
function stopOf(io: CliIo): { readonly signal: AbortSignal; forget(): void } {
  const pressed = new AbortController()
  const forget = io.onKey?.((key) => {
    if (['q', 'Q', '\u001b', '\u0003', '\u0004'].includes(key)) pressed.abort()
  })
  const signals = io.signal === undefined ? [pressed.signal] : [pressed.signal, io.signal]
  return { signal: AbortSignal.any(signals), forget: () => forget?.() }
}

/** Waits. False when told to stop. */
async function pause(intervalMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(intervalMs, undefined, { signal })
    return true
  } catch {
    return false
  }
}

function showScreen(frame: Frame, io: CliIo): void {
  const lines = frameLines(frame, io).slice(0, (io.rows ?? 24) - 1)
  io.out(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`)
}

function showTable(frame: Frame, io: CliIo): void {
  io.out(`${frameLines(frame, io).join('\n')}\n\n`)
}

function showJson(frame: Frame, io: CliIo): void {
  // NaN, for what a server did not tell, becomes null.
  io.out(`${JSON.stringify(frame)}\n`)
}
