// Writes results, with a description of the machine that they come from.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../results/', import.meta.url))

export function machine() {
  return {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${arch()} ${release()}`,
    node: process.version,
    memcached: versionOf('memcached', ['-V']),
    loadBefore: loadavg().map((load) => Number(load.toFixed(2))),
    date: new Date().toISOString().slice(0, 10),
  }
}

function versionOf(command, args) {
  try {
    return execFileSync(process.env.MEMCACHED_BIN ?? command, args, { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}

/** Writes `bench/results/<name>.json`, or the file that BENCH_RESULTS names. */
export function writeResults(name, results) {
  const target = process.env.BENCH_RESULTS ?? folder
  mkdirSync(target, { recursive: true })
  const file = `${target}/${name}.json`
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`)
  console.log(`wrote ${file}`)
}

/** One line of a table: throughput beside CPU. */
export function line(name, { perSecond, cpuUs, p50Us, p99Us }) {
  const thousands = (perSecond.median / 1000).toFixed(1).padStart(8)
  const cpu = cpuUs.median.toFixed(2).padStart(8)
  const times = `p50 ${p50Us.median.toFixed(0)} µs, p99 ${p99Us.median.toFixed(0)} µs`
  return `  ${name.padEnd(18)} ${thousands} k/s ${cpu} µs CPU   ${times}`
}
