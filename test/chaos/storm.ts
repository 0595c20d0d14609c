import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Memcached, startMemcached } from '../support/memcached.ts'
import { TYPESCRIPT } from '../support/typescript.ts'
import type { Log, Verdicts, Written } from './check.ts'
import { check } from './check.ts'
import type { Load } from './overlaps.ts'
import type {
  ChaosPlan,
  LoadTicket,
  ParentMessage,
  Trouble,
  TroubleTime,
  WorkerMessage,
  WriteTicket,
} from './plan.ts'
import { monotonicMs } from './plan.ts'

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url))
/** Commands of a killed writer may still arrive: until then no other process may write the key. */
const DEAD_WRITER_MS = 500
const EXCHANGES_MS = 10_000
const START_MS = 60_000

/** The result of a run. */
export interface Outcome extends Verdicts {
  readonly kills: number
  /** Restarts and stops of servers, servers that left the list, pauses of processes. */
  readonly troubles: number
  readonly loads: number
  readonly writes: number
  /** Reads of workers that were asked to end and did not settle. */
  readonly lost: number
}

/** Runs a plan on its own memcacheds and checks it. */
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
  readonly #logs: Log[] = []
  readonly #troubles: TroubleTime[] = []
  readonly #stood: TroubleTime[] = []
  readonly #ends = new Map<number, number>()
  readonly #workers = new Map<ChildProcess, number>()
  /** How many workers were told to close. */
  readonly #closing = new Set<ChildProcess>()
  /** The server list of the workers; undefined: all servers. */
  #servers: readonly string[] | undefined
  #isEnding = false
  #isStopping = false
  #doneReads = 0
  #kills = 0
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
    await this.#reading()
    const endMs = monotonicMs() + seconds * 1000
    const troubles = this.#plan.troubles.map((trouble) => this.#trouble(trouble))
    while (monotonicMs() < endMs && this.#readsSoFar() < reads) await sleep(50)
    this.#isEnding = true
    await Promise.all(troubles)
    await this.#stop()
    const verdicts = check({
      logs: this.#logs,
      written: this.#written,
      loads: this.#loads,
      ends: this.#ends,
      // Only planted faults and stopped processes count as trouble, not errors that processes
      // report.
      troubles: [...this.#troubles, ...this.#stood],
      boundMs: boundMsOf(this.#plan),
    })
    return {
      ...verdicts,
      kills: this.#kills,
      troubles: this.#troubles.length,
      loads: this.#loads.length,
      writes: this.#writes,
      lost: this.#lost,
    }
  }

  /** A busy machine needs time to start processes: that time is not counted. */
  async #reading(): Promise<void> {
    const endMs = monotonicMs() + START_MS
    while (this.#readsSoFar() === 0 && monotonicMs() < endMs) await sleep(50)
  }

  #readsSoFar(): number {
    return [...this.#workers.values()].reduce((sum, reads) => sum + reads, this.#doneReads)
  }

  #start(): void {
    const path = join(this.#folder, `${this.#logs.length}.log`)
    // Start with the current server list: a process's first list is no change of servers.
    const ports = this.#servers?.map((name) => Number(name.split(':')[1])) ?? this.#plan.ports
    const worker = fork(WORKER, [JSON.stringify({ ...this.#plan, ports }), path], {
      execArgv: [...TYPESCRIPT, '--unhandled-rejections=strict'],
    })
    this.#logs.push({ path, pid: worker.pid ?? 0 })
    const writing = new Set<string>()
    this.#workers.set(worker, 0)
    worker.on('message', (message: WorkerMessage) => this.#hear(worker, message, writing))
    worker.on('exit', (_code, signal) => {
      this.#doneReads += this.#workers.get(worker) ?? 0
      this.#workers.delete(worker)
      const nowMs = monotonicMs()
      this.#ends.set(worker.pid ?? 0, nowMs)
      for (const load of this.#loads) {
        if (load.pid === worker.pid) load.endMs = Math.min(load.endMs, nowMs)
      }
      for (const key of writing) setTimeout(() => this.#writing.delete(key), DEAD_WRITER_MS)
      if (signal === 'SIGKILL') this.#kills++
      else if (!this.#isStopping && !this.#closing.delete(worker))
        throw new Error(`a worker ended by itself: ${signal ?? _code}`)
      if (!this.#isStopping) this.#start()
    })
  }

  #hear(worker: ChildProcess, message: WorkerMessage, writing: Set<string>): void {
    if ('ask' in message) {
      const { id } = message
      const value =
        message.ask === 'load'
          ? this.#load(worker, message)
          : this.#write(worker, message.key, writing)
      send(worker, { answer: id, value })
    } else if (message.tell === 'written') {
      writing.delete(message.key)
      this.#writing.delete(message.key)
      const write = this.#written.get(message.key)!.at(-1)!
      if (message.isDone) Object.assign(write, { atMs: message.atMs, hosts: message.hosts })
    } else if (message.tell === 'stood') {
      const { startMs, endMs } = message
      this.#stood.push({ kind: 'pause', host: undefined, pid: worker.pid, startMs, endMs })
    } else if (message.tell === 'leased') {
      const { host, how } = message
      Object.assign(this.#loads[message.load - 1] ?? {}, { host, how })
    } else if (message.tell === 'loaded') {
      this.#loads[message.load - 1]!.endMs = message.atMs
    } else if (message.tell === 'progress') {
      this.#workers.set(worker, message.reads)
    } else {
      this.#lost += message.pending
      this.#workers.set(worker, message.reads)
    }
  }

  #load(
    { pid = 0 }: ChildProcess,
    { key, host, home, isBypass, atMs }: Extract<WorkerMessage, { ask: 'load' }>,
  ): LoadTicket {
    const { crashShare, failShare, slowShare } = this.#plan
    const version = this.#versions.get(key) ?? 0
    const lot = Math.random()
    const isSlow = Math.random() < slowShare
    const fate = lot < crashShare ? 'crash' : lot < crashShare + failShare ? 'fail' : 'ok'
    const load = this.#loads.length + 1
    const endMs = Number.POSITIVE_INFINITY
    this.#loads.push({ load, key, version, pid, host, home, isBypass, startMs: atMs, endMs })
    return { load, version, fate, tookMs: isSlow ? this.#plan.slowMs : 20 + Math.random() * 60 }
  }

  /** One writer per key at a time, as a database transaction ensures. */
  #write({ pid = 0 }: ChildProcess, key: string, writing: Set<string>): WriteTicket | undefined {
    if (this.#writing.has(key) || this.#isStopping) return undefined
    this.#writing.add(key)
    writing.add(key)
    this.#writes++
    const version = (this.#versions.get(key) ?? 0) + 1
    this.#versions.set(key, version)
    const { writeKinds } = this.#plan
    const kind = writeKinds[Math.floor(Math.random() * writeKinds.length)]!
    const all = this.#written.get(key) ?? []
    const beganMs = monotonicMs()
    all.push({ version, kind, pid, beganMs, atMs: Number.POSITIVE_INFINITY, hosts: '-' })
    this.#written.set(key, all)
    return { version, kind }
  }

  /** Repeats one kind of fault. */
  async #trouble({ kind, everyMs, forMs }: Trouble): Promise<void> {
    for (let turn = 0; !this.#isEnding; turn++) {
      await this.#sleep(everyMs)
      if (this.#isEnding) return
      const memcached = this.#memcacheds[turn % this.#memcacheds.length]!
      const worker = [...this.#workers.keys()][turn % this.#workers.size]
      const isOfProcess = kind === 'pause' || kind === 'close'
      const host = isOfProcess ? undefined : nameOf(memcached)
      const pid = isOfProcess ? worker?.pid : undefined
      const time = { kind, host, pid, startMs: monotonicMs(), endMs: Number.POSITIVE_INFINITY }
      this.#troubles.push(time)
      if (kind === 'restart') await this.#restart(memcached, forMs)
      else if (kind === 'leave') await this.#leave(memcached, forMs)
      else if (kind === 'close') this.#close(worker)
      else await this.#stand(kind === 'pause' ? worker?.pid : memcached.pid, forMs)
      time.endMs = monotonicMs()
    }
  }

  async #restart(memcached: Memcached, downMs: number): Promise<void> {
    await memcached.kill()
    await sleep(downMs)
    await memcached.restart()
  }

  async #stand(pid: number | undefined, forMs: number): Promise<void> {
    signal(pid, 'SIGSTOP')
    await sleep(forMs)
    signal(pid, 'SIGCONT')
  }

  #close(worker: ChildProcess | undefined): void {
    if (worker === undefined) return
    this.#closing.add(worker)
    send(worker, { stop: 'now' })
  }

  async #leave(memcached: Memcached, forMs: number): Promise<void> {
    const all = this.#memcacheds.map(nameOf)
    this.#tellServers(all.filter((name) => name !== nameOf(memcached)))
    await sleep(forMs)
    this.#tellServers(all)
  }

  #tellServers(servers: readonly string[]): void {
    this.#servers = servers
    for (const worker of this.#workers.keys()) send(worker, { servers })
  }

  /** Waits for `ms`, or until the run ends. */
  async #sleep(ms: number): Promise<void> {
    const endMs = monotonicMs() + ms
    while (!this.#isEnding && monotonicMs() < endMs) await sleep(50)
  }

  async #stop(): Promise<void> {
    this.#isStopping = true
    for (const worker of this.#workers.keys()) {
      send(worker, { stop: 'in turn' })
    }
    const endMs = monotonicMs() + boundMsOf(this.#plan)
    while (this.#workers.size > 0 && monotonicMs() < endMs) await sleep(20)
    for (const worker of this.#workers.keys()) {
      // The worker did not end in time, so at least one of its reads did not settle.
      this.#lost++
      worker.kill('SIGKILL')
    }
    while (this.#workers.size > 0) await sleep(20)
  }
}

function nameOf({ port }: Memcached): string {
  return `127.0.0.1:${port}`
}

/** Sends a signal to a process. Ignores an error, because the process may have ended already. */
function signal(pid: number | undefined, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, name)
  } catch {}
}

/**
 * Returns the longest time that a call may take: a wait for other processes, an own load, exchanges
 * with the cache, and pauses of processes.
 */
function boundMsOf({ policy, troubles }: ChaosPlan): number {
  const { waitTimeoutMs = 0, loaderTimeoutMs = 0 } = policy
  const pauseMs = Math.max(0, ...troubles.map(({ forMs }) => forMs))
  return waitTimeoutMs + loaderTimeoutMs + EXCHANGES_MS + 2 * pauseMs
}

/** Do not send to a worker that was killed: it would not get the message. */
function send(worker: ChildProcess, message: ParentMessage): void {
  if (worker.connected) worker.send(message, () => {})
}
