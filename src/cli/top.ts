import { setTimeout as sleep } from 'node:timers/promises'
import { type CliIo, exitCodes, UsageError } from './io.ts'
import { cliTarget, parseCommand, targetHelp, targetOptions, wholeNumber } from './target.ts'
import { Fleet, type Frame } from './top-fleet.ts'
import { frameLines } from './top-screen.ts'

/** What `mintring top --help` prints. */
export const topHelp: string = `Usage: mintring top [SERVER…] [options]

Shows operations, hit ratio, latency and state of all servers, every second. In a terminal it
redraws one screen; q or Ctrl-C ends it. Into a pipe or a file it writes a table per update, or with
--json a line.

${targetHelp}  -i, --interval SECONDS time between two updates (default 1)
  -n, --count N          number of updates (default: until it is stopped)

  mintring top --servers 10.0.0.1,10.0.0.2
  mintring top --count 1 --json
`

/** The escape sequences to enter a separate screen without a cursor, and to leave it. */
const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

/**
 * Runs `mintring top`. Exits with 0 when it is stopped, with 1 if no server replied at the last
 * update.
 */
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

/** Returns a signal that fires on SIGINT, SIGTERM, or the keys q, Escape and Ctrl-C. */
function stopOf(io: CliIo): { readonly signal: AbortSignal; forget(): void } {
  const pressed = new AbortController()
  const forget = io.onKey?.((key) => {
    if (['q', 'Q', '\u001b', '\u0003', '\u0004'].includes(key)) pressed.abort()
  })
  const signals = io.signal === undefined ? [pressed.signal] : [pressed.signal, io.signal]
  return { signal: AbortSignal.any(signals), forget: () => forget?.() }
}

/** Waits for `intervalMs`. Returns false if the signal fires before. */
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
  // NaN, for values that a server does not report, becomes null.
  io.out(`${JSON.stringify(frame)}\n`)
}
