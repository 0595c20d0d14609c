import { contract } from './contract.ts'

const BAD = 'CLIENT_ERROR bad command line format'
const TOO_LONG = 'k'.repeat(251)

contract(
  'meta commands',
  {
    'mg returns the requested flags, in their order': `
    > set a 77 0 3
    > abc
    < STORED
    > mg a
    < HD
    > mg a s v f t k Oopaque
    < VA 3 s3 f77 t-1 ka Oopaque
    < abc
    > mg a c
    < HD c{cas}
    > mg a k f c
    < HD ka f77 c{cas}
    > mg nothing v k Oq
    < EN knothing Oq
    > mg nothing v q
    > mg a q
    < HD
    > mn
    < MN`,
    'mg h distinguishes a first fetch from a later one, and u does not count as a fetch': `
    > set a 0 0 1
    > x
    < STORED
    > mg a h u
    < HD h0
    > mg a h
    < HD h0
    > mg a h l
    < HD h1 l{la}`,
    'mg T changes the time to live and mg t returns it, in the order of the flags': `
    > set a 0 100 1
    > x
    < STORED
    > mg a t T50
    < HD t{~100}
    > mg a T70 t
    < HD t{~70}
    > mg a T0 t
    < HD t-1
    > mg a T-1
    < HD
    > mg a
    < EN
    > mg a T1.5
    < CLIENT_ERROR bad token in command line format
    > mg a Tx v
    < CLIENT_ERROR bad token in command line format`,
    'ms stores in every mode': `
    > ms a 2 F5 T100
    > ab
    < HD
    > ms a 2 ME
    > cd
    < NS
    > ms a 2 MA
    > cd
    < HD
    > ms a 2 MP k Oz
    > zz
    < HD ka Oz
    > mg a v f t
    < VA 6 f5 t{~100}
    < zzabcd
    > ms b 1 MR
    > x
    < NS
    > ms b 1 MS
    > x
    < HD
    > ms b 1 MR q
    > y
    > ms b 1 MX
    > z
    < CLIENT_ERROR invalid mode for ms M token
    > ms b 1 MXX
    > z
    [..1.6.39] < CLIENT_ERROR incorrect length for M token
    [1.6.40..] < CLIENT_ERROR invalid mode for ms M token
    > mg b v
    < VA 1
    < y`,
    'ms C stores only over the given CAS id': `
    > ms a 1 c
    > x
    < HD c{first}
    > ms a 1 C{first} c k
    > y
    < HD c{second} ka
    > ms a 1 C{first} c
    > z
    < EX c0
    > ms a 1 C0
    > z
    < EX
    > ms nothing 1 C5 c
    > z
    < NF c0
    > ms a 1 MA C{first}
    > z
    < EX
    > ms a 1 MA C{second}
    > z
    < HD
    > ms a 1 ME C{second}
    > z
    < NS
    > mg a v
    < VA 2
    < yz`,
    'ms refuses invalid lines, and drops the value when the line has a length': `
    > ms
    [..1.6.39] < ERROR
    [1.6.40..] < ${BAD}
    > ms a
    < ${BAD}
    > ms a abc
    > hello
    < ${BAD}
    < ERROR
    > ms a -1
    > hello
    < ${BAD}
    < ERROR
    > ms ${TOO_LONG} 5
    > hello
    < ${BAD}
    [..1.6.39] < ERROR
    > ms a S5
    > hello
    < ${BAD}
    < ERROR
    > ms a 5 E1
    > hello
    [..1.6.26] < CLIENT_ERROR invalid flag
    [1.6.27..] < HD
    > ms a 5 T1 T2
    > hello
    < CLIENT_ERROR duplicate flag
    > ms a 5 Tx
    > hello
    < CLIENT_ERROR bad token in command line format
    > ms a 5 Fx
    > hello
    < ${BAD}
    > ms a 5 b
    > hello
    < CLIENT_ERROR error decoding key
    > ms a 5 O${'o'.repeat(32)}
    > hello
    < CLIENT_ERROR opaque token too long
    > ms a 5 O${'o'.repeat(31)}
    > hello
    < HD O${'o'.repeat(31)}
    > ms a 5 ${'bNTRlOPLkstcfvhuqFCMJDI'.split('').join(' ')}
    > hello
    [..1.6.39] < CLIENT_ERROR options flags too long
    [..1.6.39] < ERROR
    [1.6.40..] < CLIENT_ERROR options flags are too long`,
    'md deletes, only under the given CAS id if there is one': `
    > md a
    < NF
    > md a q k Ox
    < NF ka Ox
    > ms a 1 c
    > x
    < HD c{cas}
    > md a C1
    < EX
    > md a C{cas} k
    < HD ka
    > ms a 1
    > x
    < HD
    > md a q
    > mg a
    < EN
    > md a x
    [..1.6.26] < CLIENT_ERROR invalid or duplicate flag
    [1.6.27..] < NF
    > md a q q
    [..1.6.39] < CLIENT_ERROR invalid or duplicate flag
    [1.6.40..] < CLIENT_ERROR duplicate flag
    > md
    [..1.6.39] < ERROR
    [1.6.40..] < ${BAD}
    > md ${TOO_LONG}
    < ${BAD}
    > md a O${'o'.repeat(32)}
    < CLIENT_ERROR opaque token too long`,
    'ma counts, creates with N and J, and checks a CAS id': `
    > ma n
    < NF
    > ma n q k Ox
    < NF kn Ox
    > ma n v t N100 J10 t
    < CLIENT_ERROR invalid or duplicate flag
    > ma n v t N100 J10
    < VA 2 t-1
    < 10
    > ma n N100 J10 D5 v t
    < VA 2 t{~100}
    < 15
    > ma n MD D3 v c
    < VA 2 c{cas}
    < 12
    > ma n C1
    < EX
    > ma n C{cas} M+ v
    < VA 2
    < 13
    > ma n M- D100 v
    < VA 1
    < 0
    > ma n T30 t
    < HD t{~30}
    > ma n q
    > ma n MQ
    < CLIENT_ERROR invalid mode for ma M token
    > ma n Dx
    < CLIENT_ERROR invalid or duplicate flag
    > ma fresh N0 q
    [..1.6.39] < HD
    > set s 0 0 1
    > x
    < STORED
    > ma s
    < CLIENT_ERROR cannot increment or decrement non-numeric value
    > ma s q
    < CLIENT_ERROR cannot increment or decrement non-numeric value`,
    'ma that makes the number longer ignores the TTL of its T flag': `
    > set n 0 0 1
    > 9
    < STORED
    > ma n v T30 t
    < VA 2 t30
    < 10
    > mg n t
    < HD t-1`,
  },
  '1.6.10..',
)
