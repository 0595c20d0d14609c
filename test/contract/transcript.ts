import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { isSince } from '../../src/protocol/meta-versions.ts'

const REPLY_TIMEOUT_MS = 2_000
const QUIET_MS = 30

/** The server that a contract is checked on. */
export interface Target {
  readonly name: string
  readonly port: number
  /** The version of the memcached, or the version it imitates: `1.6.18`. */
  readonly version: string
}

interface Step {
  readonly send: string
  readonly expect: readonly string[]
  readonly closes: boolean
}

/**
 * Runs a transcript on its own connection. Lines beginning with `> ` are sent with CR LF,
 * consecutive ones in one write; `< ` lines are the whole expected reply; `<!` means that the
 * server closes the connection. `{name}` in a reply binds a number that later lines may repeat;
 * `{~30}` is a time within one second of 30, since server seconds are not exact; `{version}` is the
 * server's version. A line after `[1.6.40..]`, `[..1.6.39]` or `[1.5.3..1.6.39]` applies to servers
 * of those versions, both ends included; several ranges are joined by commas.
 */
export async function playTranscript(target: Target, text: string): Promise<void> {
  const wire = await Wire.open(target.port)
  const bound = new Map<string, string>([['version', target.version]])
  try {
    const steps = parseTranscript(text, target.version)
    for (const [index, step] of steps.entries()) {
      wire.send(step.send.replace(/\{(\w+)\}/g, (_, name: string) => bound.get(name) ?? ''))
      const pattern = step.expect.map((line) => patternOf(line, bound)).join('')
      const lines = step.expect.length
      const enough = (bytes: string): boolean => bytes.split('\r\n').length > lines
      // Bytes beyond the expected reply fail the next step; after the last step, waits for them.
      const last = index === steps.length - 1
      const reply = await wire.read(enough, step.closes, last ? QUIET_MS : 0)
      const said = `${target.name} answered ${brief(reply)} to ${brief(step.send)}`
      const match = new RegExp(`^${pattern}$`, 's').exec(reply)
      assert.ok(match, `${said}, not ${brief(step.expect.join('\r\n'))}`)
      for (const [name, value] of Object.entries(match.groups ?? {})) bound.set(name, value)
    }
  } finally {
    wire.close()
  }
}

/** Formats bytes for a failure message, cut at 400 characters. */
function brief(bytes: string): string {
  const shown = JSON.stringify(bytes)
  return shown.length > 400 ? `${shown.slice(0, 400)}…` : shown
}

function patternOf(line: string, bound: ReadonlyMap<string, string>): string {
  const escaped = line.replace(/[.*+?^$()|[\]\\]/g, '\\$&')
  const filled = escaped
    .replace(/\{~(\d+)\}/g, (_, n: string) => `(?:${n}|${Number(n) - 1}|${Number(n) + 1})`)
    .replace(/\{(\w+)\}/g, (_, name: string) => bound.get(name) ?? `(?<${name}>-?\\d+)`)
  return `${filled}\r\n`
}

/** Whether a transcript has lines for servers of `version`. */
export function concerns(text: string, version: string): boolean {
  return linesFor(text, version).some((line) => line.startsWith('<'))
}

/**
 * The lines for servers of `version`. A range on a line of its own applies to all lines after it.
 */
function linesFor(text: string, version: string): string[] {
  const lines: string[] = []
  let isForAll = true
  for (const raw of text.split('\n')) {
    const [, range, line = ''] = /^\s*(?:\[(\S+)\] ?)?(.*)$/s.exec(raw)!
    const isFor = range === undefined || isWithin(version, range)
    if (line === '') isForAll &&= isFor
    else if (isFor && isForAll) lines.push(line)
  }
  return lines
}

/** Whether `version` is in one of `ranges`, such as `..1.5.22,1.6.40..`, ends included. */
export function isWithin(version: string, ranges: string): boolean {
  return ranges.split(',').some((range) => {
    const [first = '', last = ''] = range.split('..')
    if (first !== '' && !isSince(version, first)) return false
    return last === '' || isSince(last, version)
  })
}

function parseTranscript(text: string, version: string): Step[] {
  const steps: { send: string; expect: string[]; closes: boolean }[] = []
  let asking = false
  for (const line of linesFor(text, version)) {
    if (line.startsWith('>')) {
      if (!asking) steps.push({ send: '', expect: [], closes: false })
      steps.at(-1)!.send += `${line.slice(2)}\r\n`
      asking = true
    } else if (line.startsWith('<!')) {
      steps.at(-1)!.closes = true
      asking = false
    } else if (line.startsWith('<')) {
      steps.at(-1)!.expect.push(line.slice(2))
      asking = false
    }
  }
  return steps
}

/** A raw connection whose replies are read as latin1 text. */
export class Wire {
  readonly #socket: Socket
  #received = ''
  #closed = false
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1')
      this.#wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#closed = true
      this.#wake()
    })
  }

  static open(port: number): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new Wire(socket)))
      socket.once('error', reject)
    })
  }

  send(bytes: string): void {
    this.#socket.write(Buffer.from(bytes, 'latin1'))
  }

  /** Everything received once `enough` returns true and `quietMs` more have passed. */
  async read(
    enough: (bytes: string) => boolean,
    untilClosed: boolean = false,
    quietMs: number = 0,
  ): Promise<string> {
    const deadline = performance.now() + REPLY_TIMEOUT_MS
    while (performance.now() < deadline) {
      if (untilClosed ? this.#closed : enough(this.#received)) break
      if (this.#closed) break
      await this.#news(deadline - performance.now())
    }
    if (!untilClosed && quietMs > 0) await this.#news(quietMs)
    const bytes = this.#received
    this.#received = ''
    return bytes
  }

  get closed(): boolean {
    return this.#closed
  }

  close(): void {
    this.#socket.destroy()
  }

  async #news(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      timer = setTimeout(resolve, timeoutMs)
    })
    clearTimeout(timer)
  }
}
