import { contract } from './contract.ts'

const TOO_LONG = 'k'.repeat(251)
const BAD = 'CLIENT_ERROR bad command line format'

contract('malformed requests', {
  'the value after an invalid storage line is read as a command, except by 1.6.40': `
    > set ${TOO_LONG} 0 0 5
    > hello
    < ${BAD}
    [..1.6.39] < ERROR
    > set a abc 0 5
    > hello
    < ${BAD}
    [..1.6.39] < ERROR
    > set a 1.5 0 5
    > hello
    < ${BAD}
    [..1.6.39] < ERROR
    > set a 0 NaN 5
    > hello
    < ${BAD}
    [..1.6.39] < ERROR
    > set a -1 0 5
    > hello
    < ${BAD}
    [..1.6.39] < ERROR
    > cas a 0 0 5 x
    > hello
    < ${BAD}
    [..1.6.39] < ERROR
    [1.6.40..] > cas a 0 0 5
    [1.6.40..] > hello
    [1.6.40..] < ${BAD}`,
  'the value after an unreadable length is read as a command': `
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
    > set a 0 0
    > hello
    [..1.6.39] < ERROR
    [1.6.40..] < ${BAD}
    < ERROR
    [..1.6.39] > set a 0 0 5 noreply more
    [..1.6.39] > hello
    [..1.6.39] < ERROR
    [..1.6.39] < ERROR
    [1.6.40..] > set a 0 0 5 more words
    [1.6.40..] > hello
    [1.6.40..] < STORED`,
  'with noreply an invalid line gets no reply, but before 1.6.40 its value is read as a command': `
    > set ${TOO_LONG} 0 0 5 noreply
    > hello
    [..1.6.39] < ERROR
    > set a b 0 5 noreply
    > hello
    [..1.6.39] < ERROR
    > get a
    < END`,
  'a value without CR LF at its end is a bad data chunk': `
    > set a 0 0 3
    > hello, hello
    < CLIENT_ERROR bad data chunk
    < ERROR
    > get a
    < END
    > set a 0 0 3 noreply
    > hello, hello
    < ERROR
    [1.6.10..] > ms a 3
    [1.6.10..] > hello, hello
    [1.6.10..] < CLIENT_ERROR bad data chunk
    [1.6.10..] < ERROR
    [1.6.10..] > ms a 3 q
    [1.6.10..] > hello, hello
    [1.6.10..] < CLIENT_ERROR bad data chunk
    [1.6.10..] < ERROR`,
  'a length that is too large takes the next command as part of the value': `
    > set a 0 0 9
    > hello
    > get all
    < CLIENT_ERROR bad data chunk
    < ERROR`,
  'lines of fewer than two letters are refused': `
    > 
    [..1.6.39] < ERROR
    [1.6.40..] < ${BAD}
    > x
    [..1.6.39] < ERROR
    [1.6.40..] < ${BAD}
    > xy
    < ERROR`,
  'a line that begins with spaces is read as each version reads it': `
    >  x
    < ERROR
    [1.6.40..] >  get a
    [1.6.40..] < ERROR
    [1.6.40..] >  verbosity 0
    [1.6.40..1.6.40] < ERROR
    [1.6.41..] < OK
    [1.6.40..] >   verbosity 0
    [1.6.40..1.6.40] < SERVER_ERROR: shutdown not enabled
    [1.6.41..] < OK
    > ${'  '}
    [..1.6.39] < ERROR
    [1.6.40..1.6.40] < SERVER_ERROR: shutdown not enabled
    [1.6.41..] < ERROR`,
  'numbers are read by the rules of C, truncation included': `
    [..1.6.39]
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
  'lengths must be digits; flags and times are read by the rules of C': `
    [1.6.40..]
    > set a 4294967296 0 1
    > x
    < STORED
    > set c +5 0 01
    > z
    < STORED
    > get a c
    < VALUE a 0 1
    < x
    < VALUE c 5 1
    < z
    < END
    > set b 0 0 4294967297
    > yyy
    < ${BAD}
    < ERROR
    > set b 0 0 +1
    > yyy
    < ${BAD}
    < ERROR
    > set a 18446744073709551616 0 1
    > x
    < ${BAD}`,
  'deltas, CAS ids and times of touch must be digits': `
    [1.6.45..]
    > set a 0 0 1
    > 1
    < STORED
    > incr a +1
    < CLIENT_ERROR invalid numeric delta argument
    > incr a 18446744073709551615
    < 0
    > incr a 1 more words
    < 1
    > touch a +1
    < CLIENT_ERROR invalid exptime argument
    > touch a 4294967297
    < CLIENT_ERROR invalid exptime argument
    > touch a -1
    < TOUCHED
    > mg a T+1
    < CLIENT_ERROR bad token in command line format
    > ms a 1 C+1
    > x
    < CLIENT_ERROR bad token in command line format`,
  'unknown and unfinished commands are refused': `
    > nonsense
    < ERROR
    > get
    [..1.6.39] < ERROR
    [1.6.40..] < ${BAD}
    > gets
    [..1.6.39] < ERROR
    [1.6.40..] < ${BAD}
    > incr a
    [..1.6.39] < ERROR
    [1.6.40..] < ${BAD}
    > delete
    [..1.6.39] < ERROR
    [1.6.40..] < ${BAD}
    > touch a
    [..1.6.39] < ERROR
    [1.6.40..] < ${BAD}
    > mx a
    < ERROR
    > GET a
    < ERROR
    > get\ta
    < ERROR
    [1.6.40..] > nonsense noreply
    > get a
    < END`,
  'several spaces may separate words': `
    > set   a  0   0  1   
    > x
    < STORED
    > get    a   
    < VALUE a 0 1
    < x
    < END`,
  'a line may begin with spaces before 1.6.40': `
    [..1.6.39] >   set a 0 0 1
    [..1.6.39] > x
    [..1.6.39] < STORED
    [1.6.40..] >   get a
    [1.6.40..1.6.40] < SERVER_ERROR: shutdown not enabled
    [1.6.41..] < ERROR`,
  '1.6.40 accepts the first letters of an administration command for the whole word': `
    [1.6.40..1.6.40]
    > shut
    < SERVER_ERROR: shutdown not enabled
    > lru tune 10 25 0.1 2.0
    < ERROR`,
  'a NUL byte ends the line before 1.6.40, and is part of the key since': `
    > set a 0 0 1
    > x
    < STORED
    > get a\x00bc
    [..1.6.39] < VALUE a 0 1
    [..1.6.39] < x
    < END`,
  'an over-long key in a get makes the reply an error, and in 1.6 also drops unsent replies': `
    > set a 0 0 1
    > x
    < STORED
    > get a ${TOO_LONG} a
    < ${BAD}
    [1.6.40..] < 
    > set a 0 0 1
    > x
    > get a ${TOO_LONG}
    [..1.5.22] < STORED
    < ${BAD}
    [1.6.40..] < 
    > incr ${TOO_LONG} 1
    < ${BAD}
    > touch ${TOO_LONG} 1
    < ${BAD}
    > delete ${TOO_LONG}
    < ${BAD}`,
  'an HTTP request closes the connection since 1.5': `
    > POST / HTTP/1.1
    [..1.4.39] < ERROR
    [1.5.0..] <!`,
  'an HTTP request line that begins like a command is handled as in each version': `
    [..1.4.39] > gnu / HTTP/1.1
    [..1.4.39] < ERROR
    [1.6.0..1.6.39] > gnu / HTTP/1.1
    [1.6.0..1.6.39] < ERROR
    > get / HTTP/1.1
    < END
    [1.5.0..1.5.22] > gnu / HTTP/1.1
    [1.5.0..1.5.22] <!
    [1.6.40..] > gnu / HTTP/1.1
    [1.6.40..] <!`,
  'a long line that ends is an ordinary command': `
    > set a 0 0 1
    > x
    < STORED
    > version ${'x'.repeat(9_000)}
    [..1.5.22] < ERROR
    [1.6.0..] < VERSION {version}`,
})
