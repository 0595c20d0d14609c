/** From this time on, the process looked for the key at this host. */
interface Look {
  readonly atMs: number
  readonly host: string
}

/** Where each process looked for each key, as the process reported. */
export class Views {
  /** By key, then by process. */
  readonly #looks = new Map<string, Map<number, Look[]>>()
  readonly #ends: ReadonlyMap<number, number>

  /** `ends`: when each process ended. */
  constructor(ends: ReadonlyMap<number, number>) {
    this.#ends = ends
  }

  /**
   * Records that a process looks for the key at another host from now on. Call in order of time.
   */
  tell(pid: number, key: string, atMs: number, host: string): void {
    const byPid = this.#looks.get(key) ?? new Map<number, Look[]>()
    this.#looks.set(key, byPid)
    const looks = byPid.get(pid) ?? []
    byPid.set(pid, looks)
    looks.push({ atMs, host })
  }

  /** Whether the process had ended by that time. */
  isOver(pid: number, atMs: number): boolean {
    return (this.#ends.get(pid) ?? Number.POSITIVE_INFINITY) <= atMs
  }

  /** Whether two of these processes looked for the key at different hosts in this period. */
  differ(key: string, pids: Iterable<number>, fromMs: number, untilMs: number): boolean {
    const hosts = new Set<string>()
    for (const pid of pids)
      for (const { host } of this.#seen(key, pid, fromMs, untilMs)) hosts.add(host)
    return hosts.size > 1
  }

  /** The hosts at which one process looked in this period, and since when. */
  seen(key: string, pid: number, fromMs: number, untilMs: number): string[] {
    return this.#seen(key, pid, fromMs, untilMs).map(({ host, atMs }) => `${host} since ${atMs}`)
  }

  #seen(key: string, pid: number, fromMs: number, untilMs: number): Look[] {
    if (this.isOver(pid, fromMs)) return []
    const looks = this.#looks.get(key)?.get(pid) ?? []
    return looks.filter(
      ({ atMs }, i) => atMs <= untilMs && (looks[i + 1]?.atMs ?? Infinity) >= fromMs,
    )
  }
}
