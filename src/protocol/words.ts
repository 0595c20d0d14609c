/** The words of an encoded command line. */
export function wordsOf(line: string): readonly string[] {
  return line.trimEnd().split(' ')
}

/** The command line of these words, with its CRLF. They are not checked. */
export function lineOf(words: readonly string[]): string {
  return `${words.join(' ')}\r\n`
}
