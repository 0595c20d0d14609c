import { isMintringError } from '../errors.ts'

/** Does it with meta commands or, where the key's server has none, with classic ones. */
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
