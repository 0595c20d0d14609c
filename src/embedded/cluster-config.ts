/**
 * What a managed cache's configuration endpoint tells: a version that only rises, and the nodes as
 * `host|ip|port`. Source: the ElastiCache auto discovery format, which Memorystore shares.
 */
export class ClusterConfig {
  #value: Buffer | undefined = undefined
  #version = 0

  /** `<version>\n<host>|<ip>|<port> ...\n`, or undefined when nothing was set. */
  get value(): Buffer | undefined {
    return this.#value
  }

  /** Announces `nodes` (`host|ip|port`, or `host:port` without an ip) under the next version. */
  announce(nodes: readonly string[]): void {
    this.#version++
    const rows = nodes.map((node) => (node.includes('|') ? node : node.replace(/:(\d+)$/, '||$1')))
    this.#value = Buffer.from(`${this.#version}\n${rows.join(' ')}\n`)
  }

  /** Takes what `config set cluster` brought, as it is. */
  put(value: Buffer): void {
    this.#value = value
    const version = Number.parseInt(value.toString('latin1'), 10)
    if (version > this.#version) this.#version = version
  }
}
