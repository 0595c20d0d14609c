import { type DeadHostOutcome, type Noticed, playDeadHost } from './demo/dead-host.ts'
import { type HotKeyOutcome, playHotKey } from './demo/hot-key.ts'
import { type CliIo, exitCodes, UsageError } from './io.ts'
import { percentText, styleOf, tableLines } from './style.ts'

/** Runs `mintring demo`: shows the two main features on servers inside this process. */
export async function demoCommand(argv: string[], io: CliIo): Promise<number> {
  if (argv.length > 0) throw new UsageError(`demo takes no arguments, but got ${argv[0]}`)
  const style = styleOf(io)
  const say = (line: string): void => io.out(line === '' ? '\n' : `  ${line}\n`)
  const show = (titles: readonly string[], rows: (readonly string[])[]): void => {
    const columns = titles.map((title, index) => ({ title, isNumber: index > 0 }))
    for (const line of ['', ...tableLines(columns, rows, style), '']) say(line)
  }

  io.out(`\n${style.bold('1. A cache host dies, and comes back')}\n\n`)
  const deadHost = await playDeadHost(say, io.signal)
  show(['what callers noticed', 'without', 'mintring'], noticedRows(deadHost))
  const [outAfter, backAfter] = [deadHost.ejectedAfterMs, deadHost.backAfterMs].map(milliseconds)
  say('"Without" is a client that keeps asking the dead host, and whose keys go to')
  say('host number (hash modulo number of hosts). mintring took the dead host out of')
  say(`its ring, the rule that gives each key its host, after ${outAfter}, and took`)
  say(`it back ${backAfter} after its restart.`)

  io.out(`\n${style.bold('2. A popular page expires')}\n\n`)
  const hotKey = await playHotKey(say, io.signal)
  show(['cached by', 'origin calls', 'median', 'p99'], hotKeyRows(hotKey))

  const { errors, wrongValues } = deadHost.mintring
  const isGood = errors === 0 && wrongValues === 0 && hotKey.at(-1)?.originCalls === 1
  for (const line of verdict(isGood)) say(line)
  return isGood ? exitCodes.ok : exitCodes.failed
}

function verdict(isGood: boolean): string[] {
  return [
    isGood ? 'Verdict: as promised.' : 'Verdict: NOT as promised.',
    'The dead host should cost callers no error, the expired page one origin call.',
    '',
    'Next: what would a change of your own servers cost?',
    '  npx mintring remap --servers 10 --remove 1',
  ]
}

function noticedRows({ without, mintring }: DeadHostOutcome): (readonly string[])[] {
  const row = (name: string, cell: (seen: Noticed) => string) => [
    name,
    cell(without),
    cell(mintring),
  ]
  return [
    row('operations of callers', (seen) => count(seen.operations)),
    row('errors they saw', (seen) => count(seen.errors)),
    row('wrong values they got', (seen) => count(seen.wrongValues)),
    row('longest any of them waited', (seen) => milliseconds(seen.slowestMs)),
    row('keys that move when the host is taken out', (seen) => percentText(seen.moved)),
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
