/**
 * The reply of a managed cache's configuration endpoint: a version number that only increases, and
 * the nodes as `host|ip|port`. Source: the auto discovery format of ElastiCache and Memorystore.
 */
export class ClusterConfig {
  #value: Buffer | undefined = undefined
  #version = 0

  /** `<version>\n<host>|<ip>|<port> ...\n`, or undefined if nothing was set. */
  get value(): Buffer | undefined {
    return this.#value
  }

  /**
   * Publishes `nodes` under the next version. A node is `host|ip|port`, or `host:port` without an
   * ip.
   */
  announce(nodes: readonly string[]): void {
    this.#version++
    const rows = nodes.map((node) => (node.includes('|') ? node : node.replace(/:(\d+)$/, '||$1')))
    this.#value = Buffer.from(`${this.#version}\n${rows.join(' ')}\n`)
  }

  /** Stores the value of `config set cluster` unchanged. */
  put(value: Buffer): void {
    this.#value = value
    const version = Number.parseInt(value.toString('latin1'), 10)
    if (version > this.#version) this.#version = version
  }
}
