const LINE_FEED = 0x0a
/** The one key of objects that stand for what JSON has no form for. */
const MARKS = { bytes: '~bytes', map: '~map', number: '~number', object: '~object' } as const

/**
 * One line of JSON, then all bytes as they are: values hold large Buffers, and Maps of them. What
 * JSON would lose is kept too: Infinity, which Next.js means by "never", and Maps.
 */
export function packed(value: unknown): Buffer {
  const blobs: Uint8Array[] = []
  let offset = 0
  const form = (one: unknown): unknown => {
    if (typeof one === 'number') return Number.isFinite(one) ? one : { [MARKS.number]: `${one}` }
    if (typeof one !== 'object' || one === null) return one
    if (one instanceof Uint8Array) {
      blobs.push(one)
      offset += one.length
      return { [MARKS.bytes]: [offset - one.length, one.length] }
    }
    if (Array.isArray(one)) return one.map(form)
    if (one instanceof Map) return { [MARKS.map]: [...one].map((pair) => pair.map(form)) }
    const entries = Object.entries(one).map(([name, own]) => [name, form(own)] as const)
    const isPlain = !entries.some(([name]) => name.startsWith('~'))
    return isPlain ? Object.fromEntries(entries) : { [MARKS.object]: entries }
  }
  const head = JSON.stringify(form(value))
  return Buffer.concat([Buffer.from(`${head}\n`), ...blobs])
}

/** What packed() was given. Throws for bytes that it did not make. */
export function unpacked(bytes: Uint8Array): unknown {
  const end = bytes.indexOf(LINE_FEED)
  const blobs = Buffer.from(bytes.buffer, bytes.byteOffset + end + 1, bytes.length - end - 1)
  const value = (form: unknown): unknown => {
    if (typeof form !== 'object' || form === null) return form
    if (Array.isArray(form)) return form.map(value)
    const [[mark, content] = []] = Object.entries(form)
    switch (mark) {
      case MARKS.bytes: {
        const [offset, length] = content as [number, number]
        return blobs.subarray(offset, offset + length)
      }
      case MARKS.number:
        return Number(content)
      case MARKS.map:
        return new Map(
          (content as [unknown, unknown][]).map(([key, one]) => [value(key), value(one)]),
        )
      case MARKS.object:
        return Object.fromEntries(
          (content as [string, unknown][]).map(([k, one]) => [k, value(one)]),
        )
      default:
        return Object.fromEntries(Object.entries(form).map(([key, one]) => [key, value(one)]))
    }
  }
  return value(JSON.parse(Buffer.from(bytes.subarray(0, end)).toString('utf8')))
}
