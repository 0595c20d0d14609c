import { contract } from './contract.ts'

const LONG_KEY = 'k'.repeat(250)

contract('reading and writing', {
  'a value is stored with its flags and read back': `
    > set a 123 0 5
    > hello
    < STORED
    > get a
    < VALUE a 123 5
    < hello
    < END`,
  'a get of many keys returns the hits in the order asked': `
    > set a 0 0 1
    > 1
    > set b 0 0 1
    > 2
    < STORED
    < STORED
    > get b nothing a b
    < VALUE b 0 1
    < 2
    < VALUE a 0 1
    < 1
    < VALUE b 0 1
    < 2
    < END`,
  'a get may have more than the 23 words that other commands may have': `
    > set k30 0 0 2
    > ok
    < STORED
    > get ${Array.from({ length: 40 }, (_, index) => `k${index}`).join(' ')}
    < VALUE k30 0 2
    < ok
    < END`,
  'gets returns a CAS id that every change renews': `
    > set a 0 0 1
    > x
    < STORED
    > gets a
    < VALUE a 0 1 {first}
    < x
    < END
    > set a 0 0 1
    > x
    < STORED
    > gets a
    < VALUE a 0 1 {second}
    < x
    < END
    > cas a 0 0 1 {first}
    > y
    < EXISTS
    > cas a 0 0 1 {second}
    > z
    < STORED
    > cas nothing 0 0 1 1
    > z
    < NOT_FOUND`,
  'add stores when the key is absent, replace when it is present': `
    > replace a 0 0 1
    > x
    < NOT_STORED
    > add a 0 0 1
    > x
    < STORED
    > add a 0 0 1
    > y
    < NOT_STORED
    > replace a 5 0 1
    > z
    < STORED
    > get a
    < VALUE a 5 1
    < z
    < END`,
  'append and prepend keep the flags and need a present value': `
    > append a 9 0 1
    > x
    < NOT_STORED
    > prepend a 9 0 1
    > x
    < NOT_STORED
    > set a 7 0 2
    > bc
    < STORED
    > append a 9 0 1
    > d
    < STORED
    > prepend a 9 0 1
    > a
    < STORED
    > get a
    < VALUE a 7 4
    < abcd
    < END`,
  'delete and touch reply whether the key was present': `
    > delete a
    < NOT_FOUND
    > touch a 10
    < NOT_FOUND
    > set a 0 0 1
    > x
    < STORED
    > touch a 10
    < TOUCHED
    > delete a 0
    < DELETED
    > delete a 5
    [..1.6.39] < CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]
    [1.6.40..] < NOT_FOUND
    > delete a 0 noreply
    > touch a x
    < CLIENT_ERROR invalid exptime argument
    > touch a
    [..1.6.39] < ERROR
    [1.6.40..] < CLIENT_ERROR bad command line format`,
  'gat and gats are unknown before 1.5.3': `
    [..1.5.2]
    > gat 100 a
    < ERROR
    > gats 100 a
    < ERROR`,
  'gat and gats return the value and set its exptime': `
    [1.5.3..]
    > set a 3 0 1
    > x
    < STORED
    > gat 100 a nothing
    < VALUE a 3 1
    < x
    < END
    [1.6.10..] > mg a t
    [1.6.10..] < HD t{~100}
    > gats 0 a
    < VALUE a 3 1 {cas}
    < x
    < END
    [1.6.10..] > mg a t c
    [1.6.10..] < HD t-1 c{cas}
    > gat x a
    < CLIENT_ERROR invalid exptime argument
    > gat 10
    [1.5.3..1.5.22] < ERROR
    [1.6.0..1.6.39] < END
    [1.6.40..] < CLIENT_ERROR bad command line format`,
  'noreply suppresses the reply': `
    > set a 0 0 1 noreply
    > x
    > add a 0 0 1 noreply
    > y
    > incr a 1 noreply
    > touch a 0 noreply
    > get a
    < VALUE a 0 1
    < x
    < END
    > delete a noreply
    > flush_all noreply
    > verbosity 0 noreply
    > get a
    < END`,
  'a negative exptime expires at once, one over 30 days is a date': `
    > set a 0 -1 1
    > x
    < STORED
    > get a
    < END
    > set a 0 2592001 1
    > x
    < STORED
    > get a
    < END
    > set a 0 2592000 1
    > x
    < STORED
    [1.6.10..] > mg a t
    [1.6.10..] < HD t{~2592000}
    > touch a -1
    < TOUCHED
    > get a
    < END`,
  'flush_all hides present items and no later ones': `
    > set a 0 0 1
    > x
    > flush_all
    > set b 0 0 1
    > y
    > get a b
    < STORED
    < OK
    < STORED
    < VALUE b 0 1
    < y
    < END
    > flush_all 1000
    < OK
    > get b
    < VALUE b 0 1
    < y
    < END
    > flush_all x
    [..1.5.22] < OK
    [1.6.0..] < CLIENT_ERROR invalid exptime argument
    > flush_all 1 2 3
    [..1.6.39] < ERROR
    [1.6.40..] < OK
    > flush_all 0
    < OK
    > get b
    < END`,
  'keys may have 250 bytes, any but spaces and line ends': `
    > set ${LONG_KEY} 0 0 1
    > x
    < STORED
    > get ${LONG_KEY}
    < VALUE ${LONG_KEY} 0 1
    < x
    < END
    > set caf\xc3\xa9\t\x01 0 0 1
    > x
    < STORED
    > get caf\xc3\xa9\t\x01
    < VALUE caf\xc3\xa9\t\x01 0 1
    < x
    < END`,
  'a value may hold any bytes, line ends and commands included': `
    > set a 0 0 26
    > END
    > get a
    > VALUE a 0 1
    > \x00
    < STORED
    > get a
    < VALUE a 0 26
    < END
    < get a
    < VALUE a 0 1
    < \x00
    < END`,
  'version, verbosity and mn get replies, quit closes the connection': `
    > version
    < VERSION {version}
    > version with words
    [..1.5.22] < ERROR
    [1.6.0..] < VERSION {version}
    > verbosity 0
    < OK
    > verbosity
    [..1.6.39] < ERROR
    [1.6.40..] < CLIENT_ERROR bad command line format
    > verbosity x
    [..1.5.22] < OK
    [1.6.0..] < CLIENT_ERROR bad command line format
    > mn
    [..1.5.18] < ERROR
    [1.5.19..1.6.9] < EN
    [1.6.10..] < MN
    [1.6.10..] > mn x y
    [1.6.10..] < MN
    > get nothing
    > quit
    > get nothing
    < END
    <!`,
})
