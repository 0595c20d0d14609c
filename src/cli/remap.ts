import { writeFile } from 'node:fs/promises'
import { type RemapReport, remap } from '../simulate/remap.ts'
import { noSkippedLines, type SkippedLines } from '../simulate/remap-keys.ts'
import { type CliIo, exitCodes, UsageError } from './io.ts'
import { remapSvg } from './remap-chart.ts'
import {
  fraction,
  parseRemapFlags,
  type RemapFindings,
  type RemapFlags,
  remapInputOf,
} from './remap-flags.ts'
import { remapHtml } from './remap-html.ts'
import { checkSample, confidence, sampleLines } from './remap-judge.ts'
import { ProgressBar } from './remap-progress.ts'
import { remapCsv, remapTable } from './remap-text.ts'

/** The exit code if more keys move than `--fail-above` allows. */
export const EXIT_ABOVE = 3

/** What `mintring remap --help` prints. */
export const remapHelp: string = `Usage: mintring remap --servers <n or list> <change> [options]

Counts how many keys move to another server when the list of servers changes.

  --servers 10              how many servers, or host:port[:weight],…
Change (several options make one change):
  --remove 1                how many leave, or which (host:port,…)
  --add 1                   how many join, or which
  --replace old=new,…       new servers, at the places of the old ones in the list
  --reweight host=3,…       new weights
Keys:
  --keys 100000             how many keys to generate, or the limit of keys to read
  --key-format 'user:%d'    the format of generated keys
  --keys-from FILE          keys from a file, one per line; - is standard input
  --sample                  keys of the live --servers (lru_crawler metadump): all, or with
                            --keys that many, from each server in proportion
What to compare:
  --distributions ketama,modula   distributions, or all
  --hashes md5,xxh64        hashes (default: each distribution's own)
  --trials 10               variants to average over, if the change is given as a count
  --requests-per-second 5000 --hit-ratio 0.95    also count the load on the origin, right after
                            the change and over time, with handover and without
The fleet behind that load:
  --processes 100           number of processes
  --learn-within 10s        time from the first that learns of the change to the last
  --announce 1m             how long the change is announced
  --handover 10m            how long values move
  --duration 15m            how long to simulate
  --zipf 0.99               Zipf's exponent: how much more often popular keys are read
  --writes-per-second 0     also count stale reads
Output:
  --json | --csv | --svg | --html    the format, instead of a table
  --out FILE                write the result to a file
  --fail-above 0.2          exit with ${EXIT_ABOVE} if the first distribution moves more
  --workers 2               threads (default: one per core, for a million keys or more)
`

type Format = (report: RemapReport, findings: RemapFindings) => string

/** Runs `mintring remap`: shows what a change of servers costs before you make it. */
export async function remapCommand(argv: string[], io: CliIo): Promise<number> {
  const flags = parseRemapFlags(argv)
  if (flags.help) {
    io.out(remapHelp)
    return exitCodes.ok
  }
  const failAbove = fraction(flags, 'fail-above')
  const format = formatOf(flags)
  const bar = new ProgressBar(io)
  const findings: RemapFindings = { skipped: noSkippedLines(), sample: [] }
  try {
    const input = await remapInputOf(flags, io, findings)
    const report = await remap({ ...input, onProgress: (done) => bar.update(done) })
    bar.clear()
    checkSample(report.keys, findings.sample)
    await deliver(format(report, findings), flags.out, io)
    if (flags.csv || flags.svg || flags.html) io.err(sampleLines(report, findings.sample))
    tellSkipped(findings.skipped, io)
    return failAbove === undefined ? exitCodes.ok : judge(report, findings, failAbove, io)
  } finally {
    bar.clear()
  }
}

/** Compares the first distribution with `--fail-above`. The sample may be too small to decide. */
function judge(
  report: RemapReport,
  { sample }: RemapFindings,
  failAbove: number,
  io: CliIo,
): number {
  const { moved, distribution } = report.results[0]!
  const [low, high] = confidence(moved, report.keys, sample)
  if (low < failAbove && failAbove < high) {
    io.err(
      `${distribution} moves ${low.toFixed(4)} to ${high.toFixed(4)} of the keys: too few were ` +
        `sampled to decide whether that is above ${failAbove}. Pass a larger --keys\n`,
    )
    return exitCodes.failed
  }
  if (moved <= failAbove) return exitCodes.ok
  io.err(`${distribution} moves ${moved.toFixed(4)} of the keys, above ${failAbove}\n`)
  return EXIT_ABOVE
}

function formatOf(flags: RemapFlags): Format {
  const formats = ['json', 'csv', 'svg', 'html'] as const
  const asked = formats.filter((format) => flags[format])
  if (asked.length > 1) throw new UsageError(`--${asked.join(' and --')} exclude each other`)
  if (flags.json) {
    return (report, { skipped, sample }) => {
      const sampled = sample.length === 0 ? undefined : sample
      return `${JSON.stringify({ ...report, skipped, sample: sampled })}\n`
    }
  }
  if (flags.csv) return remapCsv
  if (flags.svg) return remapSvg
  if (flags.html) return remapHtml
  return (report, { sample }) => remapTable(report) + sampleLines(report, sample)
}

async function deliver(text: string, file: string | undefined, io: CliIo): Promise<void> {
  if (file === undefined) io.out(text)
  else await writeFile(file, text)
}

function tellSkipped({ empty, tooLong, unusable }: SkippedLines, io: CliIo): void {
  if (empty + tooLong + unusable === 0) return
  io.err(
    `Lines skipped: ${empty} empty, ${tooLong} over 250 bytes, ${unusable} with control bytes\n`,
  )
}
