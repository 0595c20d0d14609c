/** The arguments with which a child process of a test runs TypeScript. */
export const TYPESCRIPT: readonly string[] = [
  '--import',
  new URL('../../scripts/typescript.mjs', import.meta.url).href,
]
