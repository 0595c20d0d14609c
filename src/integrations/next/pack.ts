import { types } from 'node:util'
import { MintringError } from '../../errors.ts'
import { kindOf } from '../../secrets.ts'

const LINE_FEED = 0x0a
/** Marks: an object with one of these keys stands for a value that JSON cannot encode. */
const MARKS = {
  ...{ bytes: '~bytes', map: '~map', number: '~number', object: '~object' },
  undefined: '~undefined',
} as const

/**
 * Encodes a value as one line of JSON followed by the raw bytes of its Buffers. It also keeps what
 * JSON would lose: Maps, and Infinity, which Next.js uses for "never". Throws MINTRING_BAD_VALUE
 * for other values that JSON would lose.
 */
export function packed(value: unknown): Buffer {
  const blobs: Uint8Array[] = []
  let offset = 0
  // JSON leaves undefined out of an object, and stores null elsewhere.
  const element = (one: unknown): unknown => {
    const made = form(one)
    return made === undefined ? { [MARKS.undefined]: 0 } : made
  }
  const form = (one: unknown, isResult = false): unknown => {
    if (typeof one === 'number') return Number.isFinite(one) ? one : { [MARKS.number]: `${one}` }
    if (typeof one !== 'object' || one === null) return textual(one)
    if (types.isUint8Array(one)) {
      blobs.push(one)
      offset += one.length
      return { [MARKS.bytes]: [offset - one.length, one.length] }
    }
    if (!isResult && hasToJson(one)) return form(one.toJSON(), true)
    if (Array.isArray(one)) return Array.from(one, element)
    if (types.isMap(one)) return { [MARKS.map]: [...one].map((pair) => pair.map(element)) }
    checkFaithful(one)
    const entries = Object.entries(one).map(([name, own]) => [name, form(own)] as const)
    const isPlain = !entries.some(([name]) => name.startsWith('~'))
    return isPlain ? Object.fromEntries(entries) : { [MARKS.object]: entries }
  }
  const head = JSON.stringify(form(value))
  return Buffer.concat([Buffer.from(`${head}\n`), ...blobs])
}

function textual(one: unknown): unknown {
  if (typeof one !== 'function' && typeof one !== 'symbol' && typeof one !== 'bigint') return one
  throw unfaithful(kindOf(one))
}

function hasToJson(one: object): one is { toJSON(): unknown } {
  return typeof (one as { toJSON?: unknown }).toJSON === 'function'
}

/** Throws for an object of a class whose content is not in its properties. */
function checkFaithful(one: object): void {
  const prototype = Object.getPrototypeOf(one)
  // Works across realms: only an Object.prototype has no prototype itself.
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null
  const isOpaque = types.isNativeError(one) || ArrayBuffer.isView(one) || 'then' in one
  if (isOpaque || (!isPlain && Object.keys(one).length === 0)) {
    throw unfaithful(`a value of class ${one.constructor?.name ?? 'Object'}`)
  }
}

function unfaithful(what: string): MintringError {
  return new MintringError('MINTRING_BAD_VALUE', `${what} cannot be stored without loss`)
}

/** Decodes the bytes of packed(). Throws for other bytes. */
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
      case MARKS.undefined:
        return undefined
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
