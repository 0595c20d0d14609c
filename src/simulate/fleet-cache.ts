/** The hosts of a simulated fleet: by key, a version and when it expires. */
export class FleetCache {
  readonly #hosts: readonly Map<number, { readonly version: number; readonly endMs: number }>[]

  constructor(hosts: number) {
    this.#hosts = Array.from({ length: hosts }, () => new Map())
  }

  /** The version a host has; undefined when it has none that is not over. */
  get(host: number, key: number, nowMs: number): number | undefined {
    const item = this.#hosts[host]!.get(key)
    return item === undefined || item.endMs <= nowMs ? undefined : item.version
  }

  set(host: number, key: number, version: number, endMs: number): void {
    this.#hosts[host]!.set(key, { version, endMs })
  }

  delete(host: number, key: number): void {
    this.#hosts[host]!.delete(key)
  }

  flush(host: number): void {
    this.#hosts[host]!.clear()
  }
}
