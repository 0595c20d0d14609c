import process from 'node:process'

/** One call; the argument is its number. */
export type Operation = (index: number) => Promise<unknown>

/** How two operations are compared. */
export interface Pairing {
  readonly rounds: number
  readonly operations: number
  /** Calls in flight. */
  readonly atOnce: number
}

/** The CPU time of one operation divided by that of another, round by round, alternating. */
export async function pairedCpu(
  tried: Operation,
  base: Operation,
  { rounds, operations, atOnce }: Pairing,
): Promise<number[]> {
  const micros = (operation: Operation) => cpuMicros(operation, operations, atOnce)
  await micros(tried)
  await micros(base)
  const ratios: number[] = []
  for (let round = 0; round < rounds; round++) {
    const isFirst = round % 2 === 0
    const one = isFirst ? await micros(tried) : 0
    const other = await micros(base)
    ratios.push((isFirst ? one : await micros(tried)) / other)
  }
  return ratios
}

/** CPU time of one operation, without that of memcached. */
async function cpuMicros(operation: Operation, count: number, atOnce: number): Promise<number> {
  globalThis.gc?.()
  const operations = atOnce === 1 ? count / 10 : count
  let next = 0
  const caller = async (): Promise<void> => {
    while (next < operations) {
      if ((await operation(next++)) === undefined) throw new Error('a miss')
    }
  }
  const before = process.cpuUsage()
  await Promise.all(Array.from({ length: atOnce }, caller))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / operations
}

/** The median ratio, and the quartiles. */
export function spread(ratios: readonly number[]): string {
  const sorted = [...ratios].sort((a, b) => a - b)
  const at = (share: number): string => sorted[Math.floor(sorted.length * share)]!.toFixed(2)
  return `${at(0.5)} (${at(0.25)} … ${at(0.75)})`
}
