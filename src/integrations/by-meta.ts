import { isMintringError } from '../errors.ts'

/** Runs `meta`, or `classic` when the key's server does not support meta commands. */
export async function byMeta<Result>(
  meta: () => Promise<Result>,
  classic: () => Promise<Result>,
): Promise<Result> {
  try {
    return await meta()
  } catch (error) {
    if (isMintringError(error) && error.code === 'MINTRING_UNSUPPORTED') return classic()
    throw error
  }
}
