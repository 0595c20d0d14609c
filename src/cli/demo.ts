import { type DeadHostOutcome, playDeadHost } from './demo/dead-host.ts'
import { type HotKeyOutcome, playHotKey } from './demo/hot-key.ts'
import { type CliIo, exitCodes, UsageError } from './io.ts'

/** Shows the two things mintring is for, on servers inside this process: `mintring demo`. */
export async function demoCommand(argv: string[], io: CliIo): Promise<number> {
  if (argv.length > 0) throw new UsageError(`demo takes no arguments, but got ${argv[0]}`)
  const say = (line: string): void => io.out(`  ${line}\n`)

  title(io, '1. A cache host dies, and comes back')
  const deadHost = await playDeadHost(say)
  io.out(`\n${deadHostTable(deadHost)}\n`)

  title(io, '2. A popular page expires')
  const hotKey = await playHotKey(say)
  io.out(`\n${hotKeyTable(hotKey)}\n`)

  const isGood = deadHost.errors === 0 && deadHost.wrongValues === 0
  return isGood && hotKey.at(-1)?.originCalls === 1 ? exitCodes.ok : exitCodes.failed
}

function title(io: CliIo, text: string): void {
  io.out(io.isTTY ? `\n\u001b[1m${text}\u001b[22m\n\n` : `\n${text}\n\n`)
}

function deadHostTable(outcome: DeadHostOutcome): string {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
  return table([
    ['operations of callers', count(outcome.operations)],
    ['errors they saw', count(outcome.errors)],
    ['wrong values they got', count(outcome.wrongValues)],
    ['longest any of them waited', milliseconds(outcome.slowestMs)],
    ['dead host out of the ring after', milliseconds(outcome.ejectedAfterMs)],
    ['back in the ring, once restarted, after', milliseconds(outcome.backAfterMs)],
    ['keys that moved to another host', percent(outcome.moved)],
    ['… and with hash modulo number of hosts', percent(outcome.movedByModulo)],
  ])
}

function hotKeyTable(outcomes: readonly HotKeyOutcome[]): string {
  const rows = outcomes.map((one) => [
    one.way,
    count(one.originCalls),
    milliseconds(one.medianMs),
    milliseconds(one.p99Ms),
  ])
  return table([['', 'origin calls', 'median', 'p99'], ...rows])
}

function count(number: number): string {
  return number.toLocaleString('en')
}

function milliseconds(ms: number): string {
  return `${Math.max(1, Math.round(ms)).toLocaleString('en')} ms`
}

/** The first column to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => width(row[column]))))
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => pad(cell, widths?.[column] ?? 0, column > 0)).join('   ')
  return rows.map((row) => `  ${line(row)}`.trimEnd()).join('\n')
}

function width(cell: string | undefined): number {
  return cell?.length ?? 0
}

function pad(cell: string, columns: number, isRight: boolean): string {
  return isRight ? cell.padStart(columns) : cell.padEnd(columns)
}
