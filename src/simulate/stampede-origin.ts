import type { VirtualTime } from './virtual-time.ts'

/** How often loads fail, as fractions of all loads. */
export interface LoadFaults {
  /** The fraction of loads during which the loading process dies. */
  readonly crash: number
  /** The fraction of loads that throw. */
  readonly fail: number
  /** The fraction of loads that take 25 times as long. */
  readonly slow: number
}

/** A load in progress. */
interface Load {
  readonly key: string
  readonly version: number
  readonly worker: object
  readonly writes: number
}

/** How many times longer a slow load takes. */
export const SLOWNESS = 25

/** The backend behind the cache: every key has a version, and loads take time. */
export class StampedeOrigin {
  readonly #time: VirtualTime
  readonly #loaderMs: number
  readonly #faults: LoadFaults
  readonly #versions = new Map<string, number>()
  readonly #writes = new Map<string, number>()
  readonly #running = new Set<Load>()
  readonly loadsPerSecond: number[] = []
  loads = 0
  peakLoads = 0
  /**
   * Loads that began while another process was loading the same key, although the key had not
   * changed since.
   */
  overlaps = 0

  constructor(time: VirtualTime, loaderMs: number, faults: LoadFaults) {
    this.#time = time
    this.#loaderMs = loaderMs
    this.#faults = faults
  }

  versionOf(key: string): number {
    return this.#versions.get(key) ?? 0
  }

  /** Changes the key in the backend. Returns its new version. */
  write(key: string): number {
    const version = this.versionOf(key) + 1
    this.#versions.set(key, version)
    this.touched(key)
    return version
  }

  /** Records a change of the key in the cache: loads from before and after it may overlap. */
  touched(key: string): void {
    this.#writes.set(key, (this.#writes.get(key) ?? 0) + 1)
  }

  /** Loads the current version of the key. Calls `crash` if this load kills its worker. */
  load(key: string, worker: object, crash: () => void): Promise<number> {
    const load: Load = {
      key,
      version: this.versionOf(key),
      worker,
      writes: this.#writes.get(key) ?? 0,
    }
    this.#count(load)
    const lot = this.#time.random()
    const { crash: crashes, fail, slow } = this.#faults
    const isSlow = lot >= crashes + fail && lot < crashes + fail + slow
    const tookMs = this.#loaderMs * (0.5 + this.#time.random()) * (isSlow ? SLOWNESS : 1)
    return new Promise((resolve, reject) => {
      this.#time.after(lot < crashes ? tookMs / 2 : tookMs, () => {
        this.#running.delete(load)
        if (lot < crashes) crash()
        else if (lot < crashes + fail) reject(new Error('the loader failed'))
        else resolve(load.version)
      })
    })
  }

  /** Ends the loads of a worker that died. */
  forget(worker: object): void {
    for (const load of this.#running) if (load.worker === worker) this.#running.delete(load)
  }

  #count(load: Load): void {
    this.loads++
    const second = Math.floor(this.#time.nowMs / 1000)
    while (this.loadsPerSecond.length <= second) this.loadsPerSecond.push(0)
    this.loadsPerSecond[second]!++
    for (const other of this.#running) {
      const isSame = other.key === load.key && other.worker !== load.worker
      if (isSame && other.writes === load.writes) this.overlaps++
    }
    this.#running.add(load)
    this.peakLoads = Math.max(this.peakLoads, this.#running.size)
  }
}
