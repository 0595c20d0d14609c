import { tracingChannel } from 'node:diagnostics_channel'
import { openSync, writeSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CommandMessage } from '../../src/channels.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import type { ClientCore } from '../../src/client/core.ts'
import { Refill } from '../../src/refill/refill.ts'
import type { Place, StoreAnswer, StoreCommand } from '../../src/refill/store.ts'
import type { RefillEvent, RefillEventName } from '../../src/refill/tally.ts'
import { mutate } from '../refill/mutants.ts'
import type { Cached, ChaosPlan, LoadTicket, ParentMessage, WriteTicket } from './plan.ts'
import { monotonicMs } from './plan.ts'
import { TellingStore } from './telling-store.ts'

/**
 * The phases of a handover, in seconds. A server that left the list returns only after them, and no
 * process is stopped for as long as `announce`.
 */
const CHANGE = { announce: 4, handover: 6 }

/** A process of the fleet: reads without pause, loads when it wins a lease, writes now and then. */
const [planText, logPath] = process.argv.slice(2) as [string, string]
const plan = JSON.parse(planText) as ChaosPlan

const client = new MemcachedClient(
  plan.ports.map((port) => `127.0.0.1:${port}`),
  {
    protocol: plan.protocol,
    traceKeys: true,
    distribution: 'ketama',
    autoEjectHosts: plan.ports.length > 1,
    retryTimeoutMs: 500,
    requestTimeoutMs: 2_000,
  },
)
const core = Reflect.get(client, '_core') as ClientCore
/** By key: the host that answered reads, the host that took changes, and when each last did. */
const answered = new Map<string, Map<string, number>>()
const taken = new Map<string, Map<string, number>>()
const store = new TellingStore(core, {
  answered: (key, host) => note(answered, key, host),
  took: (key, host) => note(taken, key, host),
})
const refill = new Refill(mutate(store, plan.mutation, staleStore), { hooks: { report } })
core.changed = (key) => refill.detach(key)
tracingChannel<object, CommandMessage>('mintring:command').asyncEnd.subscribe((message) => {
  const { key, host, outcome } = message as CommandMessage
  if (key !== undefined && host !== undefined && outcome !== 'error') note(taken, key, host)
})

const log = openSync(logPath, 'a')
let lines: string[] = []
let reads = 0
let pending = 0
let isStopping = false
let lastId = 0
const asked = new Map<number, (value: LoadTicket | WriteTicket | undefined) => void>()

process.on('message', (message: ParentMessage) => {
  if ('stop' in message) {
    isStopping = true
    if (message.stop === 'now') void close()
  } else if ('servers' in message) {
    client.setServers(message.servers, CHANGE)
    store.forgetDialect()
    lookAround()
  } else {
    asked.get(message.answer)?.(message.value)
    asked.delete(message.answer)
  }
})
// Exits with its parent: an orphan would take leases in the next run.
process.on('disconnect', () => process.exit(1))

/**
 * The key that is being loaded without the cache. It is reset right after the loader was called, in
 * the same event loop tick.
 */
let bypassing: string | undefined
/** The last load of each key. */
const lastLoads = new Map<string, number>()

function report(name: RefillEventName, { key, host = '', reason = '' }: RefillEvent): void {
  if (name === 'bypass') {
    bypassing = key
    queueMicrotask(() => {
      bypassing = undefined
    })
  } else if (name === 'refill' || name === 'leaseLost' || name === 'refillError') {
    process.send?.({ tell: 'leased', load: lastLoads.get(key), host, how: `${name} ${reason}` })
  }
}

function note(notes: Map<string, Map<string, number>>, key: string, host: string): void {
  const hosts = notes.get(key) ?? new Map<string, number>()
  notes.set(key, hosts)
  hosts.set(host, monotonicMs())
}

/** Returns the hosts recorded for a key since then. */
function hostsSince(notes: Map<string, Map<string, number>>, key: string, sinceMs: number): string {
  const since = [...(notes.get(key) ?? [])].filter(([, atMs]) => atMs >= sinceMs)
  return since.map(([host]) => host).join() || '-'
}

/** Reports where this process looks for a key, as soon as that changes. */
const looks = new Map<string, string>()

function lookFor(key: string): string {
  const host = core.cluster.hostFor(key)?.name ?? 'nowhere'
  if (looks.get(key) !== host) {
    looks.set(key, host)
    writeSync(log, `look ${key} ${monotonicMs()} ${host}\n`)
  }
  return host
}

function lookAround(): void {
  for (let i = 0; i < plan.keys; i++) lookFor(`k${i}`)
}

client.on('eject', lookAround)
client.on('return', lookAround)

/** How long loads may take to end. */
const CLOSE_MS = 1_000

/**
 * Each process checks every 50 ms whether it was stopped for long, because it then did not renew
 * its leases.
 */
const TICK_MS = 50
const STOOD_MS = 250
let tickMs = monotonicMs()
setInterval(() => {
  const nowMs = monotonicMs()
  if (nowMs - tickMs > STOOD_MS) process.send?.({ tell: 'stood', startMs: tickMs, endMs: nowMs })
  tickMs = nowMs
}, TICK_MS).unref()

function ask<Ticket>(what: 'load' | 'write', key: string, more: object = {}): Promise<Ticket> {
  const id = ++lastId
  process.send?.({ ask: what, id, key, ...more })
  return new Promise((resolve) => {
    asked.set(id, resolve as (value: unknown) => void)
  })
}

async function loader(key: string): Promise<Cached> {
  const home = client.locate(key).server
  const more = { host: lookFor(key), home, isBypass: bypassing === key, atMs: monotonicMs() }
  const { load, version, fate, tookMs } = await ask<LoadTicket>('load', key, more)
  lastLoads.set(key, load)
  await sleep(fate === 'crash' ? tookMs / 2 : tookMs)
  if (fate === 'crash') process.kill(process.pid, 'SIGKILL')
  process.send?.({ tell: 'loaded', load, atMs: monotonicMs() })
  if (fate === 'fail') throw new Error('the loader failed')
  return { version }
}

async function readOn(): Promise<void> {
  while (!isStopping) {
    const key = `k${Math.floor(Math.random() * plan.keys)}`
    lookFor(key)
    const startMs = monotonicMs()
    const tell = (state: string, version: number): void => {
      lookFor(key)
      const hosts = hostsSince(answered, key, startMs)
      lines.push(`read ${key} ${startMs} ${monotonicMs()} ${state} ${version} ${hosts}`)
    }
    pending++
    try {
      const { value, state } = await refill.getOrSetEntry(key, loader, plan.policy)
      const isValue = typeof value?.version === 'number'
      tell(isValue ? state : 'undefined', isValue ? value.version : -1)
    } catch {
      tell('failed', -1)
    }
    pending--
    if (++reads % 500 === 0) flush()
    await sleep(plan.pauseMs * 2 * Math.random())
  }
}

function flush(): void {
  if (lines.length > 0) writeSync(log, `${lines.join('\n')}\n`)
  lines = []
  process.send?.({ tell: 'progress', reads })
}

async function writeOn(): Promise<void> {
  while (!isStopping) {
    await sleep(plan.writeEveryMs * plan.processes * (0.5 + Math.random()))
    const key = `k${Math.floor(Math.random() * plan.keys)}`
    const ticket = await ask<WriteTicket | undefined>('write', key)
    if (ticket === undefined) continue
    lookFor(key)
    const startMs = monotonicMs()
    let isDone = true
    await change(key, ticket).catch(() => {
      isDone = false
    })
    const hosts = hostsSince(taken, key, startMs)
    lookFor(key)
    process.send?.({ tell: 'written', key, isDone, atMs: monotonicMs(), hosts })
  }
}

async function change(key: string, { kind, version }: WriteTicket): Promise<void> {
  const { ttl: _ttl, ...terms } = plan.policy
  if (kind === 'invalidate') await refill.invalidate(key, terms)
  if (kind === 'refresh') await refill.refresh(key, loader, plan.policy)
  if (kind === 'set') await client.set(key, { version }, { ttl: 8 })
  if (kind === 'delete') await client.delete(key)
}

/** `ms … I`: a flag that the refill never sends. */
async function staleStore(_place: Place, key: string, command: StoreCommand): Promise<StoreAnswer> {
  if (command.name !== 'ms') throw new Error('only stores are made so')
  const { encoded, cas, ttlSeconds } = command
  const body = Buffer.from(encoded.body as string)
  const flags = [`C${cas}`, 'I', `F${encoded.flags}`, `T${ttlSeconds}`]
  const replies = await client.raw(key, 'ms', key, body.length, ...flags, body)
  const isDone = JSON.stringify(replies).includes('HD')
  return { status: isDone ? 'done' : 'exists' } as StoreAnswer
}

async function close(): Promise<void> {
  await refill.close(CLOSE_MS)
  await client.close()
}

async function run(): Promise<void> {
  const loops = Array.from({ length: plan.readers }, readOn)
  await Promise.all([...loops, writeOn()])
  flush()
  await close()
  process.send?.({ tell: 'over', reads, pending })
  process.disconnect()
}

await run()
