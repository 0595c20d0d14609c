import { contract } from './contract.ts'

contract(
  'meta commands that stampede protection uses',
  {
    'the first miss with N wins (W), and later reads get Z': `
    > mg k N30 R10 v f t c k O123 q
    < VA 0 f0 t{~30} c{cas} kk O123 W
    < 
    > mg k N30 R10 v f t c k O123 q
    < VA 0 f0 t{~30} c{cas} kk O123 Z
    < 
    > get k
    < VALUE k 0 0
    < 
    < END`,
    'when less time is left than R, one reader is elected to refill and all get the value': `
    > set k 0 20 3
    > abc
    < STORED
    > mg k v t R10
    < VA 3 t{~20}
    < abc
    > mg k v R30
    < VA 3 W
    < abc
    > mg k v R30
    < VA 3 Z
    < abc
    > mg k v
    < VA 3 Z
    < abc
    > set k 0 0 3
    > abc
    < STORED
    > mg k R30
    < HD
    > set k 0 100 3
    > abc
    < STORED
    > mg k R2592001
    < HD`,
    'flags are applied in order: t before N returns -1': `
    > mg k t N30
    < HD t-1 W
    > md k
    < HD
    > mg k N30 t
    < HD t{~30} W
    > mg k t T50
    < HD t{~30} Z
    > mg k T50 t
    < HD t{~50} Z`,
    'md I marks an item stale and clears its token: the next reader wins, whatever its flags': `
    > set k 0 0 3
    > abc
    < STORED
    > md k I T30
    < HD
    > mg k v t
    < VA 3 t{~30} X W
    < abc
    > mg k v t
    < VA 3 t{~30} Z X
    < abc
    > md k I
    < HD
    > mg k u
    < HD X W
    > md nothing I q
    < NF
    > md k I q
    > md k I C1 q
    < EX
    > gets k
    < VALUE k 0 3 {cas}
    < abc
    < END
    > md k I C{cas}
    < HD
    > md k C{cas}
    < EX`,
    'ms C with the current CAS id makes a stale item fresh, and one with an older id is refused': `
    > mg k N30 c
    < HD c{lease} W
    > md k I
    < HD
    > ms k 3 C{lease}
    > old
    < EX
    > mg k c v
    < VA 0 c{second} X W
    < 
    > ms k 3 C{second} T100
    > new
    < HD
    > mg k v t
    < VA 3 t{~100}
    < new
    > md k
    < HD
    > ms k 3 C{second}
    > old
    < NF`,
    'ms I with an older CAS id stores, keeps the TTL and leaves the item stale': `
    > set k 0 50 3
    > abc
    < STORED
    > mg k c
    < HD c{first}
    > md k I
    < HD
    > mg k
    < HD X W
    > ms k 3 C{first} I
    > old
    < HD
    > mg k v t
    < VA 3 t{~50} Z X
    < old
    > ms k 3 C18446744073709551615 I
    > old
    < EX`,
    'add is refused over a placeholder; set, replace and append clear the marks': `
    > mg k N30
    < HD W
    > add k 0 0 1
    > x
    < NOT_STORED
    > ms k 1 ME
    > x
    < NS
    > append k 0 0 1
    > x
    < STORED
    > mg k v
    < VA 1
    < x
    > md k I
    < HD
    > set k 0 0 1
    > y
    < STORED
    > mg k v
    < VA 1
    < y
    > md k I
    < HD
    > replace k 0 0 1
    > z
    < STORED
    > mg k
    < HD`,
    'incr in place keeps the marks, and a longer number clears them': `
    > set k 0 0 1
    > 8
    < STORED
    > md k I
    < HD
    > incr k 1
    < 9
    > mg k
    < HD X W
    > incr k 1
    < 10
    > mg k
    < HD`,
    'touch, gat and mg T change neither CAS nor marks': `
    > set k 0 0 1
    > x
    < STORED
    > md k I
    < HD
    > mg k c
    < HD c{cas} X W
    > touch k 50
    < TOUCHED
    > gat 60 k
    < VALUE k 0 1
    < x
    < END
    > mg k T70 c t
    < HD c{cas} t{~70} Z X`,
    'N and T of 0 never expire, and negative ones expire at once': `
    > mg k N0 t
    < HD t-1 W
    > mg j N-1
    < HD W
    > mg j
    < EN
    > md k I T0
    < HD
    > mg k t
    < HD t-1 X W`,
    'append of an empty value renews the CAS id, and cas with a past exptime deletes': `
    > set k 5 100 3
    > abc
    < STORED
    > gets k
    < VALUE k 5 3 {first}
    < abc
    < END
    > append k 0 0 0
    > 
    < STORED
    > gets k
    < VALUE k 5 3 {second}
    < abc
    < END
    > cas k 0 -1 0 {first}
    > 
    < EXISTS
    > cas k 0 -1 0 {second}
    > 
    < STORED
    > get k
    < END`,
    'mg C is accepted and ignored before 1.6.40': `
    [..1.6.39]
    > set k 0 0 1
    > x
    < STORED
    > mg k C5 v
    < VA 1
    < x`,
    'mg C omits the value when the CAS id matches, and still elects a reader': `
    [1.6.40..]
    > ms k 1 T100 c
    > x
    < HD c{cas}
    > mg k v c C{cas}
    < HD c{cas}
    > mg k v c C{cas} R200
    < HD c{cas} W
    > mg k v c C1
    < VA 1 c{cas} Z
    < x
    > md k I
    < HD
    > mg k v c C1
    < VA 1 c{marked} X W
    < x
    > mg k v C{marked}
    < HD Z X`,
    'E sets the CAS id, also of a placeholder, and md x leaves an empty item': `
    [1.6.27..]
    > mg k N30 c E77
    < HD c77 W
    > ms k 1 C77 E78 c
    > x
    < HD c78
    > md k I E79
    < HD
    > mg k v f c
    < VA 1 f0 c79 X W
    < x
    > md k x
    < HD
    > mg k v
    < VA 0
    < 
    > md nothing x
    < NF
    > ma n N0 J5 E9 c
    < HD c9`,
    'append with N creates an absent item, and s returns its size': `
    [1.6.20..]
    > ms k 2 MA N30 s
    > hi
    < HD s2
    > ms k 2 MP N30 s
    > ho
    < HD s4
    > mg k v t
    < VA 4 t{~30}
    < hohi`,
  },
  '1.6.10..',
)
