import { abortedBy, onAbort } from '../../deadline.ts'

/** Waits `ms`; rejects with MINTRING_ABORTED as soon as the demo is interrupted. */
export type Pause = (ms: number) => Promise<void>

/** Returns the waits of a demo that ends with this signal. */
export function pausesUntil(signal: AbortSignal | undefined): Pause {
  return (ms) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) throw abortedBy(signal)
      const end = (error: Error): void => {
        clearTimeout(timer)
        reject(error)
      }
      const leave = signal === undefined ? undefined : onAbort(signal, { reject: end })
      const timer = setTimeout(() => {
        leave?.()
        resolve()
      }, ms)
    })
}
