import { type DeadHostOutcome, playDeadHost } from './demo/dead-host.ts'
import { type HotKeyOutcome, playHotKey } from './demo/hot-key.ts'
import { type CliIo, exitCodes, UsageError } from './io.ts'
import { percentText, styleOf, tableLines } from './style.ts'

/** Shows the two things mintring is for, on servers inside this process: `mintring demo`. */
export async function demoCommand(argv: string[], io: CliIo): Promise<number> {
  if (argv.length > 0) throw new UsageError(`demo takes no arguments, but got ${argv[0]}`)
  const style = styleOf(io)
  const say = (line: string): void => io.out(line === '' ? '\n' : `  ${line}\n`)
  const show = (titles: readonly string[], rows: (readonly string[])[]): void => {
    const columns = titles.map((title, index) => ({ title, isNumber: index > 0 }))
    for (const line of ['', ...tableLines(columns, rows, style), '']) say(line)
  }

  io.out(`\n${style.bold('1. A cache host dies, and comes back')}\n\n`)
  const deadHost = await playDeadHost(say)
  show(['what callers noticed', 'seen'], deadHostRows(deadHost))

  io.out(`${style.bold('2. A popular page expires')}\n\n`)
  const hotKey = await playHotKey(say)
  show(['cached by', 'origin calls', 'median', 'p99'], hotKeyRows(hotKey))

  const isGood = deadHost.errors === 0 && deadHost.wrongValues === 0
  return isGood && hotKey.at(-1)?.originCalls === 1 ? exitCodes.ok : exitCodes.failed
}

function deadHostRows(outcome: DeadHostOutcome): (readonly string[])[] {
  return [
    ['operations of callers', count(outcome.operations)],
    ['errors they saw', count(outcome.errors)],
    ['wrong values they got', count(outcome.wrongValues)],
    ['longest any of them waited', milliseconds(outcome.slowestMs)],
    ['dead host out of the ring after', milliseconds(outcome.ejectedAfterMs)],
    ['back in the ring, once restarted, after', milliseconds(outcome.backAfterMs)],
    ['keys that moved to another host', percentText(outcome.moved)],
    ['… and with hash modulo number of hosts', percentText(outcome.movedByModulo)],
  ]
}

function hotKeyRows(outcomes: readonly HotKeyOutcome[]): (readonly string[])[] {
  return outcomes.map((one) => [
    one.way,
    count(one.originCalls),
    milliseconds(one.medianMs),
    milliseconds(one.p99Ms),
  ])
}

function count(number: number): string {
  return number.toLocaleString('en')
}

function milliseconds(ms: number): string {
  return `${count(Math.max(1, Math.round(ms)))} ms`
}
