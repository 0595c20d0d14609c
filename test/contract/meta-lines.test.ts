import { contract } from './contract.ts'

const BAD = 'CLIENT_ERROR bad command line format'
const TOO_LONG = 'k'.repeat(251)

contract(
  'keys and flags of meta commands',
  {
    'keys may be base64, and are returned as they were stored': `
    > ms Zm9vIGJhcg== 2 b k
    > hi
    < HD kZm9vIGJhcg== b
    > mg Zm9vIGJhcg== b v k
    < VA 2 kZm9vIGJhcg== b
    < hi
    > md Zm9vIGJhcg== b k
    < HD kZm9vIGJhcg== b
    > ms YWJj 2 b
    > hi
    < HD
    > get abc
    < VALUE abc 0 2
    < hi
    < END
    > mg abc k
    < HD kYWJj b
    > append abc 0 0 1
    > !
    < STORED
    > mg abc k
    < HD kabc
    > mg Y!W_JjZ b
    < CLIENT_ERROR error decoding key
    > mg === b
    < CLIENT_ERROR error decoding key
    > mg YW!Jj b v
    < VA 3
    < hi!
    > me YWJj b
    [1.6.40..] < EN
    [1.6.40..] > me YWJj b x
    < ME abc exp=-1 la={la} cas={cas} fetch=yes cls=1 size=65`,
    'the error names the wrong flag, the last one when there are several': `
    > mg a v v
    < CLIENT_ERROR duplicate flag
    > mg a !
    [..1.6.39] < CLIENT_ERROR invalid flag
    [1.6.40..] < ${BAD}
    > mg a Tx !
    [..1.6.39] < CLIENT_ERROR invalid flag
    [1.6.40..] < ${BAD}
    > mg a Tx 9
    < CLIENT_ERROR invalid flag
    > mg a \xff
    [..1.6.39] < CLIENT_ERROR duplicate flag
    [1.6.40..] < ${BAD}
    > mg
    [..1.6.39] < ERROR
    [1.6.40..] < ${BAD}
    > mg ${TOO_LONG} v
    < ${BAD}
    > mg a O${'o'.repeat(32)}
    < CLIENT_ERROR opaque token too long
    > mg a b N T R l O P L k s t c f v h u q F C
    < CLIENT_ERROR options flags are too long`,
    'me returns the metadata of an item': `
    > set a 5 0 3
    > abc
    < STORED
    > me a
    < ME a exp=-1 la={la} cas={cas} fetch=no cls=1 size=67
    > get a
    < VALUE a 5 3
    < abc
    < END
    > touch a 100
    < TOUCHED
    > me a with words
    < ME a exp={left} la={la} cas={cas} fetch=yes cls=1 size=67
    > me nothing
    < EN
    > me
    < ${BAD}
    > me x b
    [..1.6.39] < ${BAD}
    [1.6.40..] < EN
    > me x b x
    < ${BAD}`,
  },
  '1.6.10..',
)
