/**
 * Waits until all promises are settled. Returns their results, or throws the first rejection: the
 * caller then knows that nothing is pending any more.
 */
export async function allDone<Result>(promises: readonly Promise<Result>[]): Promise<Result[]> {
  await Promise.allSettled(promises)
  return Promise.all(promises)
}
