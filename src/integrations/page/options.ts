import { badArgument } from '../../arguments.ts'
import { kindOf } from '../../secrets.ts'
import { anything, type Checks, checkValues, isFunction, unless } from '../adapter-arguments.ts'
import { allowedHosts } from './address.ts'

/** Patterns of header names and values (RFC 9110, 5.1 and 5.5). */
const HEADER_NAME = /^[!#$%&'*+.^_`|~\w-]+$/
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const TOKEN = /^[\x21-\x7e]+$/
/** The longest prefix: memcached's 250 bytes must also hold an MD5 or a short address. */
const MAX_PREFIX_BYTES = 200

const CHECKS: Checks = {
  // The refill policy checks these options, with its own messages.
  ttl: anything,
  staleWhileRevalidate: anything,
  staleIfError: anything,
  lease: anything,
  waitTimeoutMs: anything,
  prefix: unless(
    isPrefix,
    `text of at most ${MAX_PREFIX_BYTES} bytes, valid as UTF-8, without DEL`,
  ),
  key: unless((given) => given === 'plain' || given === 'md5', "'plain' or 'md5'"),
  contentType: unless(
    (given) => isText(given, HEADER_VALUE) && given.trim() !== '',
    "a content type such as 'text/html; charset=utf-8'",
  ),
  origin: unless(isOrigin, "a URL such as 'http://127.0.0.1:3000'"),
  // The message never shows the value, because it is a secret.
  originToken: (given) =>
    isText(given, TOKEN) ? undefined : 'a secret of visible ASCII characters, and not empty',
  uncacheableTtl: unless(isCount, 'a number of seconds, 0 or more'),
  hosts: unless(
    (given) => isListOf(given, /./) && given.length > 0,
    "a list such as ['www.example.com']",
  ),
  nginxHeaders: unless(isHeaders, 'an object of header names and texts'),
  tags: unless(
    (given) => isListOf(given, /./) || isFunction(given),
    "a list such as ['site'], or a function of the address that returns one",
  ),
  tagHeader: unless(
    (given) => isText(given, HEADER_NAME),
    "the name of a response header such as 'Surrogate-Key'",
  ),
  ignoredRequestHeaders: unless(
    (given) => isListOf(given, HEADER_NAME),
    "a list of header names such as ['x-request-id']",
  ),
  ignoredRequestFields: unless(
    (given) => isListOf(given, /^\w+$/),
    "a list of property names such as ['remoteAddress']",
  ),
  maxBufferedBytes: unless(isCount, 'a number, 0 or more'),
  onError: unless(isFunction, 'a function'),
  onUncacheable: unless(isFunction, 'a function'),
}

/**
 * Throws MINTRING_BAD_ARGUMENT if `client` is not a client, for unknown options and for invalid
 * values. The refill policy checks its own options.
 */
export function checkPageOptions(name: string, client: unknown, options: unknown): void {
  if (typeof (client as { view?: unknown } | null | undefined)?.view !== 'function') {
    throw badArgument(`${name}() takes a MemcachedClient first, not ${kindOf(client)}`)
  }
  checkValues(name, options ?? null, CHECKS)
  allowedHosts((options as { readonly hosts?: readonly string[] }).hosts)
}

function isText(given: unknown, form: RegExp): given is string {
  return typeof given === 'string' && form.test(given)
}

/** nginx escapes spaces and control characters in keys, but not DEL. */
function isPrefix(given: unknown): boolean {
  if (typeof given !== 'string' || /[\x7f\p{Surrogate}]/u.test(given)) return false
  return Buffer.byteLength(given) <= MAX_PREFIX_BYTES
}

function isListOf(given: unknown, form: RegExp): given is string[] {
  return Array.isArray(given) && given.every((one) => isText(one, form))
}

function isHeaders(given: unknown): boolean {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return false
  return Object.entries(given).every(
    ([name, value]) => HEADER_NAME.test(name) && isText(value, HEADER_VALUE),
  )
}

function isOrigin(given: unknown): boolean {
  return isText(given, /^https?:\/\//i) && URL.canParse(given)
}

function isCount(given: unknown): boolean {
  return typeof given === 'number' && given >= 0
}
