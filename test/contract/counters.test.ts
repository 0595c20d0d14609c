import { contract } from './contract.ts'

contract('counters', {
  'incr and decr count in 64 bits: incr wraps, decr stops at 0': `
    > set n 0 0 20
    > 18446744073709551615
    < STORED
    > incr n 2
    < 1
    > set n 0 0 2
    > 10
    < STORED
    > decr n 1
    < 9
    > get n
    < VALUE n 0 2
    < 9 
    < END
    > decr n 100
    < 0
    > incr n 18446744073709551615
    < 18446744073709551615
    > get n
    < VALUE n 0 20
    < 18446744073709551615
    < END
    > incr nothing 1
    < NOT_FOUND
    > incr n x
    < CLIENT_ERROR invalid numeric delta argument
    > incr n -1
    < CLIENT_ERROR invalid numeric delta argument
    > incr n 18446744073709551616
    < CLIENT_ERROR invalid numeric delta argument
    > set n 0 0 3
    > abc
    < STORED
    > incr n 1
    < CLIENT_ERROR cannot increment or decrement non-numeric value
    > set n 0 0 0
    > 
    < STORED
    > decr n 1
    < CLIENT_ERROR cannot increment or decrement non-numeric value`,
  'numbers may have white space around them and a sign': `
    > set n 0 0 5
    >   +7 
    < STORED
    > incr n 1
    < 8
    > get n
    < VALUE n 0 5
    < 8    
    < END
    > set n 0 0 3
    > 7 x
    < STORED
    > incr n 1
    < 8`,
})
