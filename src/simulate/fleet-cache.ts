/** The hosts of a simulated fleet. Each host stores a version and an expiry per key. */
export class FleetCache {
  readonly #hosts: readonly Map<number, { readonly version: number; readonly endMs: number }>[]

  constructor(hosts: number) {
    this.#hosts = Array.from({ length: hosts }, () => new Map())
  }

  /** Returns the version that a host has, or undefined if it has none or an expired one. */
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
