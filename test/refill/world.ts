import { Refill, type RefillSettings } from '../../src/refill/refill.ts'
import type { Dialect } from '../../src/refill/store.ts'
import { ModelServer } from '../../src/simulate/model-server.ts'
import { ModelStore } from '../../src/simulate/model-store.ts'
import { VirtualTime } from '../../src/simulate/virtual-time.ts'

/** A client process in a simulated world with virtual time. */
export interface Process {
  readonly refill: Refill
  readonly store: ModelStore
  /** Ends the process like kill -9: nothing that it began continues. */
  kill(): void
}

/** One model server, any number of processes, and virtual time. */
export interface World {
  readonly time: VirtualTime
  readonly server: ModelServer
  start(settings?: Omit<RefillSettings, 'clock'>): Process
  /** Advances the time, and runs what is due. */
  pass(ms: number): Promise<void>
  /** Advances the time until the promise has settled, and returns or throws its outcome. */
  when<Result>(promise: Promise<Result>): Promise<Result>
  /** The work of a loader: resolves to the value after that many milliseconds. */
  later<Value>(ms: number, value: Value): Promise<Value>
}

const NEVER_MS = 3_600_000

export function world(dialect: Dialect = 'meta', seed = 1, latencyMs = 2): World {
  const time = new VirtualTime(seed)
  const server = new ModelServer(() => time.nowMs, dialect)
  const network = { dialect, latencyMs, interleaves: false }
  return {
    time,
    server,
    start(settings = {}) {
      let isAlive = true
      const store = new ModelStore(server, time, network, () => isAlive)
      const refill = new Refill(store, { ...settings, clock: time.clock(() => isAlive) })
      return {
        refill,
        store,
        kill() {
          isAlive = false
        },
      }
    },
    pass: (ms) => time.run(time.nowMs + ms),
    async when(promise) {
      let isOver = false
      const end = (): void => {
        isOver = true
      }
      promise.then(end, end)
      await time.run(time.nowMs)
      for (let ms = 0; !isOver && ms < NEVER_MS; ms += 10) await time.run(time.nowMs + 10)
      if (!isOver) throw new Error('still pending after an hour')
      return promise
    },
    later: (ms, value) =>
      new Promise((resolve) => {
        time.after(ms, () => resolve(value))
      }),
  }
}
