import { expectation } from '../behaviors/check.ts'
import { canBeText } from '../behaviors/env.ts'
import type { Row } from '../behaviors/row.ts'
import { envName, type Section, sections } from '../behaviors/table.ts'
import { didYouMean } from '../ring/suggest.ts'
import { type CliIo, exitCodes, UsageError } from './io.ts'
import { styleOf, tableLines } from './style.ts'
import { parseCommand } from './target.ts'

/** What `mintring behaviors --help` prints. */
export const behaviorsHelp: string = `Usage: mintring behaviors [NAME…] [--json]

Lists the settings of a client. With a NAME, shows all details of that setting: its values, its
default, its environment variable and its names in other clients. A part of a name shows every
setting that contains it.

  mintring behaviors
  mintring behaviors retryTimeoutMs
  mintring behaviors timeout --json
`

/** Runs `mintring behaviors [NAME…]`. Exits with 2 if no behavior matches a name. */
export async function behaviorsCommand(argv: string[], io: CliIo): Promise<number> {
  const options = { json: { type: 'boolean' } } as const
  const { values, positionals } = parseCommand(argv, options)
  const found = sectionsWith(positionals)
  if (values.json === true) {
    const rows = found.flatMap((section) => section.rows.map((row) => rowAsJson(row)))
    io.out(`${JSON.stringify(rows, undefined, 2)}\n`)
  } else if (positionals.length === 0) {
    for (const section of found) io.out(list(section, io))
  } else {
    for (const row of found.flatMap((section) => section.rows)) io.out(detail(row, io))
  }
  return exitCodes.ok
}

function sectionsWith(words: readonly string[]): readonly Section[] {
  if (words.length === 0) return sections
  const all = sections.flatMap((section) => section.rows)
  const asked = new Set(words.flatMap((word) => rowsFor(word, all)))
  return sections.map(({ title, rows }) => ({ title, rows: rows.filter((row) => asked.has(row)) }))
}

function rowsFor(word: string, all: readonly Row[]): Row[] {
  const exact = all.find((row) => row.name === word)
  if (exact !== undefined) return [exact]
  const found = all.filter((row) => namesOf(row).some((name) => holds(name, word)))
  if (found.length > 0) return found
  const hint = didYouMean(
    word,
    all.map((row) => row.name),
  )
  throw new UsageError(`there is no behavior '${word}'.${hint}`)
}

const holds = (name: string, word: string): boolean =>
  name.toLowerCase().includes(word.toLowerCase())

const namesOf = (row: Row): string[] => [
  row.name,
  ...(row.aliases ?? []).map((alias) => alias.name),
  ...(row.fields ?? []).flatMap(namesOf),
]

function list(section: Section, io: CliIo): string {
  const style = styleOf(io)
  const columns = [{ title: 'name' }, { title: 'default' }, { title: 'takes' }]
  const rows = section.rows.map((row) => {
    const takes = expectation(row)
    const room = Math.max(20, io.columns - 46)
    return [
      row.name,
      shownDefault(row),
      takes.length > room ? `${takes.slice(0, room - 1)}…` : takes,
    ]
  })
  const lines = tableLines(columns, rows, style).map((line) => `  ${line}`)
  return `${style.bold(section.title)}\n${lines.join('\n')}\n\n`
}

function detail(row: Row, io: CliIo, parent?: Row): string {
  const style = styleOf(io)
  const lines = [
    ['takes', expectation(row)],
    ['default', shownDefault(row)],
    ['changes', { now: 'live', newConnections: 'new connections', never: 'fixed' }[row.live]],
  ]
  const env = envOf(row, parent)
  if (env !== undefined) lines.push(['environment', env])
  for (const { dialect, name, unit } of row.aliases ?? []) {
    lines.push([dialect, unit === undefined || unit === 'flag' ? name : `${name} (${unit})`])
  }
  const facts = lines.map(([name = '', text = '']) => `  ${style.dim(name.padEnd(13))}${text}\n`)
  const fields = (row.fields ?? []).map((field) => detail(field, io, row))
  const name = parent === undefined ? row.name : `${parent.name}.${row.name}`
  return `${style.bold(name)}\n  ${row.doc}\n${facts.join('')}\n${fields.join('')}`
}

function shownDefault(row: Row): string {
  if (row.default === undefined) return 'unset'
  return typeof row.default === 'object' ? JSON.stringify(row.default) : String(row.default)
}

/** Returns the environment variable of a behavior, or of one of its fields. */
function envOf(row: Row, parent: Row | undefined): string | undefined {
  if (!canBeText(row)) return undefined
  return parent === undefined ? envName(row) : envName(parent, row)
}

function rowAsJson(row: Row, parent?: Row): object {
  const { name, type, unit, min, max, choices, doc, live } = row
  return {
    ...{ name, type, unit, default: row.default, min, max, choices, live },
    env: envOf(row, parent),
    aliases: row.aliases ?? [],
    fields: row.fields?.map((field) => rowAsJson(field, row)),
    doc,
  }
}
