import type { CliIo } from './io.ts'
import {
  bytesText,
  type Cell,
  percentText,
  type Style,
  short,
  styleOf,
  tableLines,
} from './style.ts'
import type { Frame, HostFrame } from './top-fleet.ts'

/** A column. It is omitted if the terminal is narrower than its width. */
interface ShownColumn {
  readonly title: string
  readonly isNumber?: boolean
  readonly fromWidth?: number
  cell(host: HostFrame, style: Style): string | Cell
}

const columns: readonly ShownColumn[] = [
  { title: 'server', cell: (host) => host.host },
  { title: 'state', cell: stateCell },
  { title: 'ops/s', isNumber: true, cell: (host) => short(host.opsPerSecond) },
  { title: 'hits', isNumber: true, cell: (host) => percentText(host.hitRatio) },
  { title: 'latency', isNumber: true, cell: (host) => latencyText(host.latencyMs) },
  { title: 'owed', isNumber: true, fromWidth: 70, cell: owedCell },
  { title: 'gets/s', isNumber: true, fromWidth: 78, cell: (host) => short(host.getsPerSecond) },
  { title: 'sets/s', isNumber: true, fromWidth: 86, cell: (host) => short(host.setsPerSecond) },
  { title: 'evicted/s', isNumber: true, fromWidth: 98, cell: evictionsCell },
  { title: 'items', isNumber: true, fromWidth: 106, cell: (host) => short(host.items) },
  { title: 'memory', isNumber: true, fromWidth: 116, cell: (host) => bytesText(host.bytes) },
  { title: 'full', isNumber: true, fromWidth: 124, cell: fullText },
  { title: 'conns', isNumber: true, fromWidth: 132, cell: (host) => short(host.connections) },
]

/** Formats one update: a heading, a table, and the latest events. */
export function frameLines(frame: Frame, io: CliIo): string[] {
  const style = styleOf(io)
  const shown = columns.filter((column) => (column.fromWidth ?? 0) <= io.columns || !io.isTTY)
  const { hosts } = frame
  const up = hosts.filter((host) => host.isAnswering).length
  const rows = hosts.map((host) => shown.map((column) => column.cell(host, style)))
  if (hosts.length > 1) {
    const total = totalOf(hosts)
    const titled = (cell: string | Cell): Cell => ({
      text: typeof cell === 'string' ? cell : cell.text,
      mark: style.bold,
    })
    rows.push(
      shown.map(({ title, cell }) =>
        titled(title === 'state' ? `${up} of ${hosts.length}` : cell(total, style)),
      ),
    )
  }
  const time = new Date(frame.atMs).toTimeString().slice(0, 8)
  const hint = io.isTTY ? style.dim('   q quits') : ''
  return [
    `${style.bold('mintring top')}  ${time}  ${up} of ${hosts.length} servers answer${hint}`,
    '',
    ...tableLines(shown, rows, style),
    ...(frame.happenings.length === 0 ? [] : ['', ...frame.happenings]),
  ]
}

function stateCell(host: HostFrame, style: Style): Cell {
  if (host.isAnswering && host.state === 'up') return { text: 'up', mark: style.green }
  if (host.isAnswering) return { text: host.state, mark: style.yellow }
  const isOut = host.state === 'ejected' || host.state === 'probing'
  return { text: isOut ? host.state : 'down', mark: style.red }
}

function evictionsCell(host: HostFrame, style: Style): Cell {
  const mark = host.evictionsPerSecond > 0 ? style.yellow : undefined
  return { text: short(host.evictionsPerSecond), mark }
}

function owedCell(host: HostFrame, style: Style): Cell {
  return { text: short(host.owed), mark: host.owed > 0 ? style.yellow : undefined }
}

function fullText(host: HostFrame): string {
  return percentText(host.bytes / host.limitBytes)
}

const latencyText = (ms: number): string => (Number.isFinite(ms) ? `${ms.toFixed(1)} ms` : '-')

/** Adds up all servers that reply. The latency is that of the slowest. */
function totalOf(hosts: readonly HostFrame[]): HostFrame {
  const answering = hosts.filter((host) => host.isAnswering)
  const known = answering.filter((host) => Number.isFinite(host.opsPerSecond))
  const sum = (of: (host: HostFrame) => number, among = known): number =>
    among.length === 0 ? Number.NaN : among.reduce((total, host) => total + (of(host) || 0), 0)
  const hits = sum((host) => host.hitRatio * host.getsPerSecond)
  return {
    ...{ host: 'all', isAnswering: answering.length > 0, state: 'up', code: undefined },
    opsPerSecond: sum((host) => host.opsPerSecond),
    getsPerSecond: sum((host) => host.getsPerSecond),
    setsPerSecond: sum((host) => host.setsPerSecond),
    evictionsPerSecond: sum((host) => host.evictionsPerSecond),
    hitRatio: hits / sum((host) => host.getsPerSecond),
    latencyMs: answering.length === 0 ? Number.NaN : Math.max(...answering.map((h) => h.latencyMs)),
    items: sum((host) => host.items, answering),
    bytes: sum((host) => host.bytes, answering),
    limitBytes: sum((host) => host.limitBytes, answering),
    connections: sum((host) => host.connections, answering),
    owed: sum((host) => host.owed, [...hosts]),
  }
}
