import { contract } from './contract.ts'

const TOO_LONG = 'k'.repeat(251)
const TOO_LARGE = 1024 * 1024
const FILLING = 'v'.repeat(TOO_LARGE)
const BAD = 'CLIENT_ERROR bad command line format'

contract('malformed requests', {
  'a storage line that cannot be leaves its value to be read as a command': `
    > set ${TOO_LONG} 0 0 5
    > hello
    < ${BAD}
    < ERROR
    > set a abc 0 5
    > hello
    < ${BAD}
    < ERROR
    > set a 1.5 0 5
    > hello
    < ${BAD}
    < ERROR
    > set a 0 NaN 5
    > hello
    < ${BAD}
    < ERROR
    > set a -1 0 5
    > hello
    < ${BAD}
    < ERROR
    > set a 0 0 -1
    > hello
    < ${BAD}
    < ERROR
    > set a 0 0 2147483646
    > hello
    < ${BAD}
    < ERROR
    > set "a b" 0 0 5
    > hello
    < ${BAD}
    < ERROR
    > cas a 0 0 5 x
    > hello
    < ${BAD}
    < ERROR
    > set a 0 0
    > hello
    < ERROR
    < ERROR
    > set a 0 0 5 noreply more
    > hello
    < ERROR
    < ERROR`,
  'with noreply the line is forgiven and the value still is not': `
    > set ${TOO_LONG} 0 0 5 noreply
    > hello
    < ERROR
    > set a b 0 5 noreply
    > hello
    < ERROR`,
  'a value that does not end in CR LF where it should is a bad data chunk': `
    > set a 0 0 3
    > hello
    < CLIENT_ERROR bad data chunk
    < ERROR
    > get a
    < END
    > set a 0 0 3 noreply
    > hello
    < ERROR
    > ms a 3
    > hello
    < CLIENT_ERROR bad data chunk
    < ERROR
    > ms a 3 q
    > hello
    < CLIENT_ERROR bad data chunk
    < ERROR`,
  'a length too long eats the next command': `
    > set a 0 0 9
    > hello
    > get a
    < CLIENT_ERROR bad data chunk
    < ERROR`,
  'numbers are read as C reads them, truncation included': `
    > set a 4294967296 0 1
    > x
    < STORED
    > set b 4294967297 0 4294967297
    > y
    < STORED
    > set c +5 0 01
    > z
    < STORED
    > set d 18446744073709551615 0 1
    > w
    < STORED
    > get a b c d
    < VALUE a 0 1
    < x
    < VALUE b 1 1
    < y
    < VALUE c 5 1
    < z
    < VALUE d 4294967295 1
    < w
    < END
    > set a 18446744073709551616 0 1
    > x
    < ${BAD}
    < ERROR`,
  'an item over the limit is swallowed and takes the old value with it, unless it came by cas': `
    > set a 0 0 1
    > x
    < STORED
    > cas a 0 0 ${TOO_LARGE} 1
    > ${FILLING}
    < SERVER_ERROR object too large for cache
    > get a
    < VALUE a 0 1
    < x
    < END
    > set a 0 0 ${TOO_LARGE}
    > ${FILLING}
    < SERVER_ERROR object too large for cache
    > get a
    < END
    > set a 0 0 ${TOO_LARGE} noreply
    > ${FILLING}
    > set a 0 0 1
    > x
    < STORED
    > ms a ${TOO_LARGE} C1
    > ${FILLING}
    < SERVER_ERROR object too large for cache
    > get a
    < END`,
  'the largest item counts its key, its flags and its header': `
    > set a 0 0 ${TOO_LARGE - 60}
    > ${FILLING.slice(60)}
    < STORED
    > set a 1 0 ${TOO_LARGE - 60}
    > ${FILLING.slice(60)}
    < SERVER_ERROR object too large for cache
    > set ab 0 0 ${TOO_LARGE - 60}
    > ${FILLING.slice(60)}
    < SERVER_ERROR object too large for cache`,
  'an append over the limit is not stored': `
    > set a 0 0 ${TOO_LARGE - 60}
    > ${FILLING.slice(60)}
    < STORED
    > append a 0 0 1
    > x
    < NOT_STORED`,
  'unknown and unfinished commands get ERROR': `
    > nonsense
    < ERROR
    > 
    < ERROR
    > x
    < ERROR
    > get
    < ERROR
    > gets
    < ERROR
    > incr a
    < ERROR
    > delete
    < ERROR
    > mx a
    < ERROR
    > GET a
    < ERROR
    > get\ta
    < ERROR`,
  'spaces may come in numbers': `
    >   set   a  0   0  1   
    > x
    < STORED
    >   get    a   
    < VALUE a 0 1
    < x
    < END`,
  'a NUL ends the line': `
    > set a 0 0 1
    > x
    < STORED
    > get a\x00bc
    < VALUE a 0 1
    < x
    < END`,
  'an over-long key in a get spoils it, and the replies that were to go with it': `
    > set a 0 0 1
    > x
    < STORED
    > get a ${TOO_LONG} a
    < ${BAD}
    > set a 0 0 1
    > x
    > get a ${TOO_LONG}
    < ${BAD}
    > incr ${TOO_LONG} 1
    < ${BAD}
    > touch ${TOO_LONG} 1
    < ${BAD}
    > delete ${TOO_LONG}
    < ${BAD}`,
  'an HTTP request is hung up on': `
    > POST / HTTP/1.1
    <!`,
  'a get with HTTP behind it is a command like any other': `
    > gnu / HTTP/1.1
    < ERROR
    > get / HTTP/1.1
    < END`,
  'thousands of bytes that are no line are hung up on': `
    > set a 0 0 1
    > x
    < STORED
    > version ${'x'.repeat(9_000)}
    < VERSION 1.6.18`,
})
