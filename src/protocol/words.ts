/** Splits an encoded command line into its words. */
export function wordsOf(line: string): readonly string[] {
  return line.trimEnd().split(' ')
}

/** Joins words to a command line with its CRLF. Does not check them. */
export function lineOf(words: readonly string[]): string {
  return `${words.join(' ')}\r\n`
}
