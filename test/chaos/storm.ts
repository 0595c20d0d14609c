import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Memcached, startMemcached } from '../support/memcached.ts'
import type { Load, Verdicts, Written } from './check.ts'
import { check } from './check.ts'
import type { ChaosPlan, LoadTicket, ParentMessage, WorkerMessage, WriteTicket } from './plan.ts'
import { monotonicMs } from './plan.ts'

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url))
/** What a killed writer had sent still arrives: until then nobody else may write the key. */
const DEAD_WRITER_MS = 500
const DRAIN_MS = 40_000

/** What a run came to. */
export interface Outcome extends Verdicts {
  readonly kills: number
  readonly restarts: number
  readonly loads: number
  readonly writes: number
  /** Reads of workers that were asked to end, and never did. */
  readonly lost: number
}

/** Runs a plan on memcacheds of its own, and checks it. */
export async function storm(plan: Omit<ChaosPlan, 'ports'>, servers = 1): Promise<Outcome> {
  const memcacheds = await Promise.all(Array.from({ length: servers }, () => startMemcached()))
  const folder = mkdtempSync(join(tmpdir(), 'mintring-chaos-'))
  try {
    const ports = memcacheds.map(({ port }) => port)
    return await new Storm({ ...plan, ports }, memcacheds, folder).run()
  } finally {
    await Promise.all(memcacheds.map((memcached) => memcached.stop()))
    rmSync(folder, { recursive: true })
  }
}

class Storm {
  readonly #plan: ChaosPlan
  readonly #memcacheds: readonly Memcached[]
  readonly #folder: string
  readonly #versions = new Map<string, number>()
  readonly #writing = new Set<string>()
  readonly #written = new Map<string, Written[]>()
  readonly #loads: Load[] = []
  readonly #logs: string[] = []
  readonly #workers = new Map<ChildProcess, number>()
  #isStopping = false
  #doneReads = 0
  #kills = 0
  #restarts = 0
  #writes = 0
  #lost = 0

  constructor(plan: ChaosPlan, memcacheds: readonly Memcached[], folder: string) {
    this.#plan = plan
    this.#memcacheds = memcacheds
    this.#folder = folder
  }

  async run(): Promise<Outcome> {
    const { processes, seconds, reads } = this.#plan
    for (let i = 0; i < processes; i++) this.#start()
    const endMs = monotonicMs() + seconds * 1000
    let restartMs = monotonicMs() + this.#plan.restartEveryMs
    while (monotonicMs() < endMs && this.#readsSoFar() < reads) {
      await sleep(50)
      if (this.#plan.restartEveryMs === 0 || monotonicMs() < restartMs) continue
      restartMs = monotonicMs() + this.#plan.restartEveryMs
      await this.#restart()
    }
    await this.#stop()
    const verdicts = check(this.#logs, this.#written, this.#loads)
    const lost = this.#lost
    const loads = this.#loads.length
    return {
      ...verdicts,
      kills: this.#kills,
      restarts: this.#restarts,
      loads,
      writes: this.#writes,
      lost,
    }
  }

  #readsSoFar(): number {
    return [...this.#workers.values()].reduce((sum, reads) => sum + reads, this.#doneReads)
  }

  #start(): void {
    const log = join(this.#folder, `${this.#logs.length}.log`)
    this.#logs.push(log)
    const worker = fork(WORKER, [JSON.stringify(this.#plan), log], {
      execArgv: ['--import', 'tsx', '--unhandled-rejections=strict'],
    })
    const writing = new Set<string>()
    this.#workers.set(worker, 0)
    worker.on('message', (message: WorkerMessage) => this.#hear(worker, message, writing))
    worker.on('exit', (_code, signal) => {
      this.#doneReads += this.#workers.get(worker) ?? 0
      this.#workers.delete(worker)
      const nowMs = monotonicMs()
      for (const load of this.#loads) {
        if (load.pid === worker.pid) load.endMs = Math.min(load.endMs, nowMs)
      }
      for (const key of writing) setTimeout(() => this.#writing.delete(key), DEAD_WRITER_MS)
      if (signal === 'SIGKILL') this.#kills++
      else if (!this.#isStopping) throw new Error(`a worker ended by itself: ${signal ?? _code}`)
      if (!this.#isStopping) this.#start()
    })
  }

  #hear(worker: ChildProcess, message: WorkerMessage, writing: Set<string>): void {
    if ('ask' in message) {
      const { ask, id, key } = message
      const value = ask === 'load' ? this.#load(worker, key) : this.#write(key, writing)
      send(worker, { answer: id, value })
    } else if (message.tell === 'written') {
      writing.delete(message.key)
      this.#writing.delete(message.key)
      if (message.isDone && message.host !== '?') this.#note(message.key, message)
    } else if (message.tell === 'loaded') {
      this.#loads[message.load - 1]!.endMs = message.atMs
    } else if (message.tell === 'progress') {
      this.#workers.set(worker, message.reads)
    } else {
      this.#lost += message.pending
      this.#workers.set(worker, message.reads)
    }
  }

  #load(worker: ChildProcess, key: string): LoadTicket {
    const { crashShare, failShare, slowShare } = this.#plan
    const version = this.#versions.get(key) ?? 0
    const lot = Math.random()
    const isSlow = Math.random() < slowShare
    const fate = lot < crashShare ? 'crash' : lot < crashShare + failShare ? 'fail' : 'ok'
    const load = this.#loads.length + 1
    const endMs = Number.POSITIVE_INFINITY
    this.#loads.push({ load, key, version, pid: worker.pid ?? 0, startMs: monotonicMs(), endMs })
    return { load, version, fate, tookMs: isSlow ? this.#plan.slowMs : 20 + Math.random() * 60 }
  }

  /** One writer per key at a time, as the transaction of a database would have it. */
  #write(key: string, writing: Set<string>): WriteTicket | undefined {
    if (this.#writing.has(key) || this.#isStopping) return undefined
    this.#writing.add(key)
    writing.add(key)
    this.#writes++
    const version = (this.#versions.get(key) ?? 0) + 1
    this.#versions.set(key, version)
    const { writeKinds } = this.#plan
    return { version, kind: writeKinds[Math.floor(Math.random() * writeKinds.length)]! }
  }

  #note(key: string, { version, kind, atMs, host }: Written): void {
    const all = this.#written.get(key) ?? []
    all.push({ version, kind, atMs, host })
    this.#written.set(key, all)
  }

  async #restart(): Promise<void> {
    const memcached = this.#memcacheds[this.#restarts % this.#memcacheds.length]!
    this.#restarts++
    await memcached.kill()
    await sleep(this.#plan.downMs)
    await memcached.restart()
  }

  async #stop(): Promise<void> {
    this.#isStopping = true
    for (const worker of this.#workers.keys()) {
      send(worker, { stop: true })
    }
    const endMs = monotonicMs() + DRAIN_MS
    while (this.#workers.size > 0 && monotonicMs() < endMs) await sleep(20)
    for (const worker of this.#workers.keys()) {
      // It did not end: at least one of its reads did not.
      this.#lost++
      worker.kill('SIGKILL')
    }
    while (this.#workers.size > 0) await sleep(20)
  }
}

/** Whoever was just killed will not hear it. */
function send(worker: ChildProcess, message: ParentMessage): void {
  if (worker.connected) worker.send(message, () => {})
}
