import { MARK, type Trick } from './trick.ts'

/** Attacks by properties of a connection, which are not part of a page's cache key. */
export const connections: readonly Trick[] = [
  {
    name: 'the application writes the address of the visitor into the page',
    source: 'RFC 9111, 4: the key holds no address',
    first: { from: '127.0.0.2' },
    isEveryones: true,
    careless: ({ socket }) => (socket.remoteAddress === '127.0.0.2' ? MARK : 'page'),
  },
  {
    name: 'the application sends another page on a connection that has sent over 500 bytes',
    source: 'RFC 9112, 9.3: connections are used again',
    first: {
      raw: [
        `GET /x?${'x'.repeat(500)} HTTP/1.1\r\nHost: HOST\r\n`,
        'GET / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n',
      ].join('\r\n'),
    },
    isEveryones: true,
    careless: ({ socket, url }) => (url === '/' && socket.bytesRead > 500 ? MARK : 'page'),
  },
  {
    name: 'the application sends another page for HTTP/1.0',
    source: 'RFC 9110, 2.5: versions are of one connection',
    first: { raw: 'GET / HTTP/1.0\r\nHost: HOST\r\nConnection: close\r\n\r\n' },
    isEveryones: true,
    // nginx speaks HTTP/1.0 to the application, whatever its visitor speaks.
    isOfConnection: true,
    careless: ({ httpVersion }) => (httpVersion === '1.0' ? MARK : 'page'),
  },
]
