import { openSync, writeSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import type { ClientCore } from '../../src/client/core.ts'
import { ClusterStore } from '../../src/client/refill-store.ts'
import { Refill } from '../../src/refill/refill.ts'
import type { Answer, Command, Place } from '../../src/refill/store.ts'
import { mutate } from '../refill/mutants.ts'
import type { Cached, ChaosPlan, LoadTicket, ParentMessage, WriteTicket } from './plan.ts'
import { monotonicMs } from './plan.ts'

/** A process of the fleet: reads without pause, loads what it has to, writes now and then. */
const [planText, logPath] = process.argv.slice(2) as [string, string]
const plan = JSON.parse(planText) as ChaosPlan

const client = new MemcachedClient(
  plan.ports.map((port) => `127.0.0.1:${port}`),
  {
    protocol: plan.protocol,
    distribution: 'ketama',
    autoEjectHosts: plan.ports.length > 1,
    retryTimeoutMs: 500,
    requestTimeoutMs: 2_000,
  },
)
const refill =
  plan.mutation === undefined
    ? client
    : new Refill(
        mutate(
          new ClusterStore(Reflect.get(client, '_core') as ClientCore),
          plan.mutation,
          staleStore,
        ),
      )

const log = openSync(logPath, 'a')
let lines: string[] = []
let reads = 0
let pending = 0
let isStopping = false
let lastId = 0
const asked = new Map<number, (value: LoadTicket | WriteTicket | undefined) => void>()

process.on('message', (message: ParentMessage) => {
  if ('stop' in message) isStopping = true
  else {
    asked.get(message.answer)?.(message.value)
    asked.delete(message.answer)
  }
})
// An orphan would go on taking leases from the next run.
process.on('disconnect', () => process.exit(1))

function ask<Ticket>(what: 'load' | 'write', key: string): Promise<Ticket> {
  const id = ++lastId
  process.send?.({ ask: what, id, key })
  return new Promise((resolve) => {
    asked.set(id, resolve as (value: unknown) => void)
  })
}

async function loader(key: string): Promise<Cached> {
  const { load, version, fate, tookMs } = await ask<LoadTicket>('load', key)
  await sleep(fate === 'crash' ? tookMs / 2 : tookMs)
  if (fate === 'crash') process.kill(process.pid, 'SIGKILL')
  process.send?.({ tell: 'loaded', load, atMs: monotonicMs() })
  if (fate === 'fail') throw new Error('the loader failed')
  return { version, load }
}

/** Where this process believes the key to live. */
function hostOf(key: string): string {
  if (plan.ports.length === 1) return '-'
  const { server, ejected, fallback } = client.locate(key)
  return ejected ? String(fallback) : server
}

async function readOn(): Promise<void> {
  while (!isStopping) {
    const key = `k${Math.floor(Math.random() * plan.keys)}`
    const host = hostOf(key)
    const startMs = monotonicMs()
    pending++
    try {
      const { value, state } = await refill.getOrSetEntry(key, loader, plan.policy)
      lines.push(
        `${key} ${startMs} ${monotonicMs()} ${state} ${value.version} ${value.load} ${host}`,
      )
    } catch {
      lines.push(`${key} ${startMs} ${monotonicMs()} failed -1 0 ${host}`)
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
    const host = hostOf(key)
    let isDone = true
    await tell(key, ticket).catch(() => {
      isDone = false
    })
    const { version, kind } = ticket
    const seen = host === hostOf(key) ? host : '?'
    process.send?.({ tell: 'written', key, version, kind, isDone, atMs: monotonicMs(), host: seen })
  }
}

async function tell(key: string, { kind, version }: WriteTicket): Promise<void> {
  const { ttl: _ttl, ...terms } = plan.policy
  if (kind === 'invalidate') await refill.invalidate(key, terms)
  if (kind === 'refresh') await refill.refresh(key, loader, plan.policy)
  if (kind === 'set') await client.set(key, { version, load: 0 }, { ttl: 8 })
  if (kind === 'delete') await client.delete(key)
}

/** `ms … I`: what the refill never sends. */
async function staleStore(_place: Place, key: string, command: Command): Promise<Answer> {
  if (command.name !== 'ms') throw new Error('only stores are made so')
  const { encoded, cas, ttlSeconds } = command
  const body = Buffer.from(encoded.body as string)
  const flags = [`C${cas}`, 'I', `F${encoded.flags}`, `T${ttlSeconds}`]
  const replies = await client.raw(key, 'ms', key, body.length, ...flags, body)
  const isDone = JSON.stringify(replies).includes('HD')
  return { status: isDone ? 'done' : 'exists' } as Answer
}

async function run(): Promise<void> {
  const loops = Array.from({ length: plan.readers }, readOn)
  await Promise.all([...loops, writeOn()])
  flush()
  await client.close()
  process.send?.({ tell: 'over', reads, pending })
  process.disconnect()
}

await run()
