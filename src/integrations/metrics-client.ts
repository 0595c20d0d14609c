import type { HostSnapshot } from '../hosts/snapshot.ts'
import type { RefillCounters } from '../refill/tally.ts'
import { type Family, histogramSamples, type Labels, type Sample } from './prometheus-text.ts'

/** The part of a client that is read when metrics are scraped. */
interface ReadClient {
  readonly refillCounters: RefillCounters
  readonly forgivenErrors: number
  readonly closed: boolean
  hosts(): readonly HostSnapshot[]
}

/**
 * Returns metrics of the clients' current state, labelled `client` if there are several or named.
 */
export function clientFamilies(
  clients: ReadonlyMap<string, ReadClient>,
  isNamed: boolean,
): Family[] {
  const isLabelled = isNamed || clients.size > 1
  const labelled = [...clients].map(([name, client]) => ({
    client,
    labels: isLabelled ? { client: name } : ({} as Labels),
  }))
  return [...hostFamilies(labelled), ...refillFamilies(labelled)]
}

interface Labelled {
  readonly client: ReadClient
  readonly labels: Labels
}

function hostFamilies(clients: readonly Labelled[]): Family[] {
  // A closed client has no connections: it says nothing about its hosts.
  const open = clients.filter(({ client }) => !client.closed)
  const rows = open.flatMap(({ client, labels }) =>
    client.hosts().map((row) => ({ row, labels: { ...labels, host: row.name } })),
  )
  const gauge = (name: string, help: string, of: (row: HostSnapshot) => number): Family => ({
    name: `mintring_host_${name}`,
    type: 'gauge',
    help,
    samples: rows.map(({ row, labels }) => ({ labels, value: of(row) })),
  })
  return [
    // A single host is never ejected. When it fails, it counts as up only while it is connected.
    gauge('up', 'Whether the host is in the ring and can be reached.', ({ state, lanes }) =>
      state === 'up' || (state === 'suspect' && lanes > 0) ? 1 : 0,
    ),
    gauge('connections', 'Open connections to the host.', (row) => row.lanes),
    gauge('in_flight', 'Commands that were sent and have no reply yet.', (row) => row.inFlight),
    gauge('queued', 'Commands waiting to be sent.', (row) => row.queued),
    gauge('owed', 'Changed keys that must still be deleted on the host.', (row) => row.owed),
    gauge('slow', 'Whether most other hosts reply much faster.', ({ isSlow }) => (isSlow ? 1 : 0)),
    gauge('failures', 'Consecutive failures of the host.', (row) => row.failures),
  ]
}

function refillFamilies(clients: readonly Labelled[]): Family[] {
  const counter = (
    name: string,
    help: string,
    of: (counters: RefillCounters, client: ReadClient) => Readonly<Record<string, number>> | number,
    label = '',
  ): Family => ({
    name: `mintring_${name}_total`,
    type: 'counter',
    help,
    samples: clients.flatMap(({ client, labels }) => {
      const counted = of(client.refillCounters, client)
      if (typeof counted === 'number') return [{ labels, value: counted }]
      return Object.entries(counted).map(
        ([word, value]): Sample => ({ labels: { ...labels, [label]: word }, value }),
      )
    }),
  })
  return [
    counter('refill_reads', 'Refilling reads, by how they got a value.', readsOf, 'state'),
    counter('refill_loads', 'Loads, by outcome.', loadsOf, 'outcome'),
    counter(
      'refill_takeovers',
      'Leases taken over from clients that died.',
      ({ takenOver }) => takenOver,
    ),
    counter(
      'refill_coalesced',
      'Reads that joined a pending read of the same key.',
      ({ coalesced }) => coalesced,
    ),
    counter(
      'refill_polls',
      'Repeated reads while another client loads the key.',
      ({ polls }) => polls,
    ),
    counter('forgiven_errors', 'Failed reads returned as misses.', (_, one) => one.forgivenErrors),
    {
      name: 'mintring_refill_stale_seconds',
      type: 'histogram',
      help: 'How long stale values had been stale when they were served.',
      samples: clients.flatMap(({ client, labels }) => staleSamples(client, labels)),
    },
  ]
}

function readsOf({ states, failed }: RefillCounters): Record<string, number> {
  return { ...states, failed }
}

function loadsOf({ refills }: RefillCounters): Record<string, number> {
  const { ok, failed, lost, uncached } = refills
  return { ok, failed, lost, uncached }
}

function staleSamples(client: ReadClient, labels: Labels): Sample[] {
  const { staleFor } = client.refillCounters
  const bounds = staleFor.map(({ upToSeconds }) => upToSeconds).filter(Number.isFinite)
  const counts = staleFor.map(({ count }) => count)
  // The client counts buckets only, so the sum is unknown.
  return histogramSamples(labels, bounds, counts, undefined)
}
