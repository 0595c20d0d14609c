// The upper bound: the smallest hand-written pipelined client. One connection per server, all
// commands of a turn in one write, a minimal parser of the expected replies, one promise per
// operation. No ring, no health, no timeouts, no limits: not a product, but what a bare socket can
// do.
import net from 'node:net'

const READ_BYTES = 256 * 1024
const LF = 0x0a
const VALUE_LETTER = 0x56
const BIG_BODY = 2048

/** One connection. `style` 'get' coalesces a turn's gets; 'mg' pipelines one `mg` per key. */
class BareLane {
  #style
  #socket
  #asked = []
  #queue = []
  #head = 0
  #text = ''
  #parts = false
  #scheduled = false
  #pending = Buffer.alloc(0)
  /** A large value that is arriving: its buffer, and how much of it has arrived. */
  #value
  #have = 0
  #at = 0

  constructor(port, style, flush) {
    this.#style = style
    this.schedule = flush
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
    const callback = (length) => {
      this.#read(buffer.subarray(0, length))
      return true
    }
    this.#socket = net.connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: { buffer, callback },
    })
  }

  get(key) {
    this.#wake()
    if (this.#style === 'mg') this.#text += `mg ${key} v\r\n`
    return new Promise((resolve) => {
      if (this.#style === 'mg') this.#queue.push(resolve)
      else this.#asked.push(key, resolve)
    })
  }

  getMany(keys) {
    this.#flushGets()
    this.#wake()
    this.#text += `get ${keys.join(' ')}\r\n`
    return new Promise((resolve) => {
      this.#queue.push({ keys, resolves: undefined, values: new Array(keys.length), resolve })
    })
  }

  set(key, value) {
    this.#wake()
    this.#text += `set ${key} 0 0 ${value.length}\r\n`
    if (value.length > BIG_BODY && typeof value !== 'string') {
      this.#cork()
      this.#socket.write(this.#text, 'latin1')
      this.#socket.write(value)
      this.#text = '\r\n'
    } else {
      this.#text += `${value}\r\n`
    }
    return new Promise((resolve) => this.#queue.push(resolve))
  }

  close() {
    this.#socket.destroy()
  }

  #cork() {
    if (!this.#parts) this.#socket.cork()
    this.#parts = true
  }

  #wake() {
    if (this.#scheduled) return
    this.#scheduled = true
    this.schedule(() => this.#write(), this.#queue.length > this.#head)
  }

  #flushGets() {
    const asked = this.#asked
    if (asked.length === 0) return
    this.#asked = []
    const keys = []
    const resolves = []
    let line = 'get'
    for (let i = 0; i < asked.length; i += 2) {
      keys.push(asked[i])
      resolves.push(asked[i + 1])
      line += ` ${asked[i]}`
      if (keys.length === 100) {
        this.#text += `${line}\r\n`
        this.#queue.push({ keys: keys.splice(0), resolves: resolves.splice(0) })
        line = 'get'
      }
    }
    if (keys.length === 0) return
    this.#text += `${line}\r\n`
    this.#queue.push({ keys, resolves })
  }

  #write() {
    this.#scheduled = false
    this.#flushGets()
    this.#socket.write(this.#text, 'latin1')
    this.#text = ''
    if (this.#parts) this.#socket.uncork()
    this.#parts = false
  }

  #read(chunk) {
    let bytes = chunk
    let at = 0
    if (this.#value !== undefined) {
      at = Math.min(this.#value.length - this.#have, bytes.length)
      bytes.copy(this.#value, this.#have, 0, at)
      this.#have += at
      if (this.#have < this.#value.length) return
      this.#answer(this.#value.latin1Slice(0, this.#value.length - 2))
      this.#value = undefined
    } else if (this.#pending.length > 0) {
      bytes = Buffer.concat([this.#pending, bytes])
      this.#pending = Buffer.alloc(0)
    }
    while (at < bytes.length) {
      const next = this.#readReply(bytes, at)
      if (next < 0) break
      at = next
    }
    if (at < bytes.length) this.#pending = Buffer.from(bytes.subarray(at))
  }

  /** Returns where the reply ended, or -1 when it is incomplete. */
  #readReply(bytes, start) {
    let end = start
    while (end < bytes.length && bytes[end] !== LF) end++
    if (end >= bytes.length) return -1
    if (bytes[start] !== VALUE_LETTER) {
      this.#end()
      return end + 1
    }
    let size = 0
    let scale = 1
    for (let i = end - 2; bytes[i] !== 0x20; i--) {
      size += (bytes[i] - 0x30) * scale
      scale *= 10
    }
    const from = end + 1
    if (from + size + 2 > bytes.length) {
      if (size < READ_BYTES / 16) return -1
      this.#beginValue(bytes, from, size)
      return bytes.length
    }
    this.#skipMisses(bytes, start + 6)
    this.#answer(bytes.utf8Slice(from, from + size))
    return from + size + 2
  }

  #beginValue(bytes, from, size) {
    this.#value = Buffer.allocUnsafe(size + 2)
    this.#have = bytes.copy(this.#value, 0, from)
  }

  #answer(value) {
    const entry = this.#queue[this.#head]
    if (typeof entry === 'function') {
      this.#shift()
      entry(value)
      return
    }
    if (entry.resolves !== undefined) entry.resolves[this.#at++](value)
    else entry.values[this.#at++] = value
  }

  /** The server omits misses, so a value belongs to the next key or to a later one. */
  #skipMisses(bytes, keyStart) {
    const entry = this.#queue[this.#head]
    if (typeof entry === 'function') return
    const { keys, resolves } = entry
    while (!isKey(keys[this.#at], bytes, keyStart)) {
      if (resolves !== undefined) resolves[this.#at](undefined)
      this.#at++
    }
  }

  /** STORED, or the END of a batch. */
  #end() {
    const entry = this.#queue[this.#head]
    this.#shift()
    if (typeof entry === 'function') entry(true)
    else if (entry.resolves === undefined) entry.resolve(entry.values)
    else for (; this.#at < entry.resolves.length; this.#at++) entry.resolves[this.#at](undefined)
    this.#at = 0
  }

  #shift() {
    this.#queue[this.#head++] = undefined
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0
      this.#head = 0
    } else if (this.#head > 4096) {
      this.#queue.splice(0, this.#head)
      this.#head = 0
    }
  }
}

function isKey(key, bytes, start) {
  for (let i = 0; i < key.length; i++) if (bytes[start + i] !== key.charCodeAt(i)) return false
  return bytes[start + key.length] === 0x20
}

const flushes = {
  microtask: (write) => queueMicrotask(write),
  turn: (write) => setImmediate(write),
  adaptive: (write, isBusy) => (isBusy ? setImmediate(write) : process.nextTick(write)),
}

/** The fastest even distribution of keys over servers. */
function spread(key, count) {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return (hash >>> 0) % count
}

/** @param {{ servers: string[], style: 'get' | 'mg', flush?: keyof flushes }} settings */
export function connectBare({ servers, style, flush = 'microtask' }) {
  const lanes = servers.map((server) => {
    return new BareLane(Number(server.split(':')[1]), style, flushes[flush])
  })
  const [only] = lanes
  const laneOf = (key) => (lanes.length === 1 ? only : lanes[spread(key, lanes.length)])
  return {
    get: (key) => laneOf(key).get(key),
    set: (key, value) => laneOf(key).set(key, value),
    getMany: (keys) => only.getMany(keys),
    close() {
      for (const lane of lanes) lane.close()
    },
  }
}
