import type { IncomingMessage } from 'node:http'
import { connections } from './connections.ts'
import { MARK, type Trick } from './trick.ts'

const POISONING = 'J. Kettle, Practical Web Cache Poisoning (Black Hat 2018)'
const ENTANGLEMENT = 'J. Kettle, Web Cache Entanglement (Black Hat 2020)'
const CPDOS = 'Nguyen, Lo Iacono, Federrath, Your Cache Has Fallen (CCS 2019)'
const DECEPTION = 'O. Gil, Web Cache Deception Attack (Black Hat 2017)'
const CONFUSED = 'Mirheidari et al., Cached and Confused (USENIX Security 2020)'
const PARSERS = 'M. Doyhenard, Gotta cache ’em all (Black Hat 2024)'

/** The application writes a request header into its page, for example into links and scripts. */
function reflecting(header: string, source: string, value = MARK): Trick {
  return {
    name: `the application writes ${header} into the page`,
    source,
    first: { headers: { [header]: value } },
    careless: ({ headers }) => `page for ${headers[header] ?? 'all'}`,
  }
}

const reflected: readonly Trick[] = [
  reflecting('x-forwarded-host', POISONING),
  reflecting('x-host', POISONING),
  reflecting('x-forwarded-server', POISONING),
  reflecting('x-forwarded-scheme', POISONING),
  reflecting('x-forwarded-proto', POISONING),
  reflecting('x-forwarded-port', ENTANGLEMENT),
  reflecting('x-forwarded-prefix', 'Spring and Traefik documentation of X-Forwarded-Prefix'),
  reflecting('x-forwarded-for', 'RFC 7239, 8.1'),
  reflecting('forwarded', 'RFC 7239, 8.1', `host=${MARK}`),
  reflecting('x-http-host-override', POISONING),
  reflecting('x-original-host', ENTANGLEMENT),
  reflecting('x-real-ip', 'nginx documentation of ngx_http_realip_module'),
  reflecting('true-client-ip', ENTANGLEMENT),
  reflecting('user-agent', POISONING),
  reflecting('referer', ENTANGLEMENT),
  reflecting('accept-language', 'RFC 9110, 12.5.4 and 12.5.5'),
  reflecting('accept', 'RFC 9110, 12.5.1 and 12.5.5', `text/plain;a=${MARK}`),
  reflecting('accept-encoding', 'RFC 9110, 12.5.3', `gzip;q=0, ${MARK}`),
  reflecting('origin', POISONING, `https://${MARK}`),
  reflecting('cookie', POISONING, `fehost=${MARK}`),
  reflecting('via', 'RFC 9110, 7.6.3'),
  reflecting('from', 'RFC 9110, 10.1.2'),
  reflecting('content-type', ENTANGLEMENT),
  reflecting('sec-ch-ua', 'RFC 8942, 4'),
  reflecting('save-data', 'RFC 8942, 4'),
  reflecting('sec-fetch-site', 'W3C Fetch Metadata Request Headers'),
  reflecting('x-wap-profile', POISONING),
  reflecting('x-mintring-render', 'this package: the header of its own renders'),
]

const otherHeaders: readonly Trick[] = [
  {
    name: 'the application copies all headers into the page',
    source: POISONING,
    first: { headers: { 'x-anything': MARK } },
    careless: ({ headers }) => JSON.stringify({ ...headers }),
  },
  {
    name: 'the application writes raw header lines into the page',
    source: POISONING,
    first: { headers: { 'x-anything': MARK } },
    careless: ({ rawHeaders }) => rawHeaders.filter((line) => line.includes('MARK')).join(),
  },
  {
    name: 'the application routes by X-Original-URL',
    source: POISONING,
    first: { headers: { 'x-original-url': `/${MARK}` } },
    careless: ({ headers, url }) => `page of ${headers['x-original-url'] ?? url}`,
  },
  {
    name: 'the application routes by X-Rewrite-URL',
    source: POISONING,
    first: { headers: { 'x-rewrite-url': `/${MARK}` } },
    careless: ({ headers, url }) => `page of ${headers['x-rewrite-url'] ?? url}`,
  },
  ...['x-http-method-override', 'x-http-method', 'x-method-override'].map((header) => ({
    name: `the application replaces the method by the header ${header} (method override)`,
    source: CPDOS,
    first: { headers: { [header]: 'DELETE' } },
    careless: ({ headers }: IncomingMessage) => (header in headers ? `not found ${MARK}` : 'page'),
  })),
  {
    name: 'the application sends an error page with status 200 for a long header',
    source: CPDOS,
    first: { headers: { 'x-oversize': 'x'.repeat(4000) } },
    careless: ({ headers }) => (headers['x-oversize'] ? `too large ${MARK}` : 'page'),
  },
  {
    name: 'the application sends an error page with status 200 for a tab in a header',
    source: CPDOS,
    first: { headers: { 'x-meta': 'a\tb' } },
    careless: ({ headers }) => (headers['x-meta']?.includes('\t') ? `bad ${MARK}` : 'page'),
  },
  {
    name: 'the application sends a page with a redirect if X-Forwarded-SSL is off',
    source: POISONING,
    first: { headers: { 'x-forwarded-ssl': 'off' } },
    careless: ({ headers }) => (headers['x-forwarded-ssl'] ? `go to https ${MARK}` : 'page'),
  },
  {
    name: 'the application sends part of the page, with status 200, for the header Range',
    source: 'RFC 9111, 3.3',
    first: { headers: { range: 'bytes=0-3' } },
    careless: ({ headers }) => (headers.range === undefined ? 'page' : `part ${MARK}`),
  },
  {
    name: 'the application sends another page for the header If-None-Match',
    source: 'RFC 9111, 4.3.2',
    first: { headers: { 'if-none-match': '"1"' } },
    careless: ({ headers }) => (headers['if-none-match'] ? `not modified ${MARK}` : 'page'),
  },
  {
    name: 'the application sends another page for the header Upgrade',
    source: 'RFC 9110, 7.8',
    first: { headers: { upgrade: 'h2c', connection: 'upgrade' } },
    careless: ({ headers }) => (headers.upgrade ? `upgrade ${MARK}` : 'page'),
  },
  {
    name: 'the application sends a private page for a request with Cache-Control: no-store',
    source: 'RFC 9111, 5.2.1.5',
    first: { headers: { 'cache-control': 'no-store', 'x-anything': '1' } },
    careless: ({ headers }) => (headers['x-anything'] ? `yours ${MARK}` : 'page'),
  },
]

/** Renders a page that contains the Host header, as applications do in absolute links. */
const absolute = ({ headers, url }: IncomingMessage): string =>
  `<link rel=canonical href="//${headers.host}${url}">`

function host(name: string, source: string, value: string): Trick {
  return {
    name: `the Host header has ${name}`,
    source,
    first: { headers: { host: value } },
    careless: (request) => {
      const shown = absolute(request)
      const isOdd = /:1337|TRICK|\.\/|@|%2f|,/.test(shown)
      return isOdd ? `${shown} ${MARK}` : shown
    },
  }
}

const hosts: readonly Trick[] = [
  host('a port', POISONING, 'HOST:1337'),
  host('capital letters', ENTANGLEMENT, 'HOST'),
  host('a dot at its end', 'RFC 3986, 3.2.2', 'HOST.'),
  host('a user name', POISONING, 'evil@HOST'),
  host('an escaped path', PARSERS, 'HOST%2fevil'),
  host('two names', ENTANGLEMENT, 'HOST, evil.example'),
  {
    name: 'there are two Host headers',
    source: 'RFC 9112, 3.2',
    first: { raw: `GET / HTTP/1.1\r\nHost: HOST\r\nHost: ${MARK}\r\nConnection: close\r\n\r\n` },
    careless: ({ rawHeaders }) => rawHeaders.filter((line) => line.includes('MARK')).join(),
  },
  {
    name: 'the request line and the Host header have different hosts',
    source: 'RFC 9112, 3.2.2',
    first: { raw: `GET http://HOST/ HTTP/1.1\r\nHost: ${MARK}\r\nConnection: close\r\n\r\n` },
    careless: absolute,
  },
  {
    name: 'a header is folded into two lines',
    source: 'RFC 9112, 5.2',
    first: {
      raw: `GET / HTTP/1.1\r\nHost: HOST\r\nX-Host: a\r\n ${MARK}\r\nConnection: close\r\n\r\n`,
    },
    careless: ({ headers }) => `page for ${headers['x-host'] ?? 'all'}`,
  },
]

const fat = (body: string): string => `page for ${body === '' ? 'all' : body}`
const bodies: readonly Trick[] = [
  {
    name: 'a GET has a body (fat GET)',
    source: ENTANGLEMENT,
    first: { body: MARK },
    careless: (_, body) => fat(body),
  },
  {
    name: 'a GET has a body in chunks',
    source: ENTANGLEMENT,
    first: { body: MARK, headers: { 'transfer-encoding': 'chunked' } },
    careless: (_, body) => fat(body),
  },
  {
    name: 'a GET with a body and a header that overrides the method by POST',
    source: ENTANGLEMENT,
    first: { body: MARK, headers: { 'x-http-method-override': 'POST' } },
    careless: (_, body) => fat(body),
  },
  {
    name: 'a GET has a length and chunks',
    source: 'RFC 9112, 6.3',
    first: {
      raw: [
        'GET / HTTP/1.1',
        'Host: HOST',
        'Content-Length: 3',
        'Transfer-Encoding: chunked',
        'Connection: close',
        `\r\nf\r\n${MARK}\r\n0\r\n\r\n`,
      ].join('\r\n'),
    },
    careless: (_, body) => fat(body),
  },
  {
    name: 'a GET has two lengths',
    source: 'RFC 9112, 6.3',
    first: {
      raw: [
        'GET / HTTP/1.1',
        'Host: HOST',
        'Content-Length: 15',
        'Content-Length: 0',
        'Connection: close',
        `\r\n${MARK}`,
      ].join('\r\n'),
    },
    careless: (_, body) => fat(body),
  },
]

/** An attack: a victim with a login follows a link to `path`, then the attacker requests it. */
function deceiving(path: string, source: string, by = 'cookie'): Trick {
  return {
    name: `a visitor with ${by} follows a link to ${path}`,
    source,
    first: { path, headers: { [by]: `id=${MARK}` } },
    second: { path },
    careless: ({ headers }) => `account of ${headers[by] ?? 'nobody'}`,
  }
}

const deceptions: readonly Trick[] = [
  deceiving('/account/x.css', DECEPTION),
  deceiving('/account/x.js?v=1', DECEPTION),
  deceiving('/account%2Fx.css', CONFUSED),
  deceiving('/account%3Bx.css', CONFUSED),
  deceiving('/account;x.css', PARSERS),
  deceiving('/account%00x.css', PARSERS),
  deceiving('/account%0Ax.css', CONFUSED),
  deceiving('/account%23x.css', CONFUSED),
  deceiving('/account%3Fx.css', CONFUSED),
  deceiving('/static/..%2Faccount', PARSERS),
  deceiving('/static/%2e%2e/account', PARSERS),
  deceiving('/account%2F..%2Fstatic/x.css', PARSERS),
  deceiving('//account/x.css', PARSERS),
  deceiving('/account?a=1;utm=2', ENTANGLEMENT),
  deceiving('/account', 'RFC 9111, 3.5', 'authorization'),
  deceiving('/account', 'RFC 9110, 11.7.1', 'proxy-authorization'),
  deceiving('/account', 'RFC 9110, 11.6.2 for what applications name otherwise', 'x-api-key'),
]

const parameters: readonly Trick[] = [
  ['/?q=1&utm_content=x;q=MARK', '/?q=1&utm_content=x'],
  ['/?q=1&q=MARK', '/?q=1'],
  ['/?q=1#MARK', '/?q=1'],
  ['/?_method=MARK', '/'],
  ['/%3Fq=MARK', '/?q='],
].map(([first, second]) => ({
  name: `the application sends different pages for ${first} and ${second}`,
  source: ENTANGLEMENT,
  first: { path: first!.replace('MARK', MARK) },
  second: { path: second! },
  careless: ({ url }: IncomingMessage) => `page of ${url}`,
}))

/** Known attacks on caches, each with its source. */
export const tricks: readonly Trick[] = [
  ...reflected,
  ...otherHeaders,
  ...hosts,
  ...bodies,
  ...deceptions,
  ...parameters,
  ...connections,
]
