import { contract } from './contract.ts'

contract('administration', {
  'stats returns its sections and refuses other words': `
    > stats nonsense
    < ERROR
    > stats reset
    < RESET
    > stats sizes
    < STAT sizes_status disabled
    < END
    > stats detail
    < CLIENT_ERROR usage: stats detail on|off|dump
    > stats cachedump
    < CLIENT_ERROR bad command line
    > stats cachedump x 1
    < CLIENT_ERROR bad command line format
    > stats cachedump 99 1
    < CLIENT_ERROR Illegal slab id
    > stats cachedump 40 1
    < END`,
  'stats detail counts by prefix': `
    > stats detail on
    < OK
    > set user:1 0 0 1
    > x
    < STORED
    > get user:1 user:2 plain
    < VALUE user:1 0 1
    < x
    < END
    > delete user:1
    < DELETED
    > stats detail dump
    < PREFIX user get 2 hit 1 set 1 del 1
    < END
    > stats detail off
    < OK
    > stats reset
    < RESET
    > stats detail dump
    < END`,
  'cache_memlimit takes megabytes': `
    > cache_memlimit 4
    < MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m
    > cache_memlimit x
    < ERROR
    > cache_memlimit 1000000001
    < MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes
    > cache_memlimit 128
    < OK
    > cache_memlimit
    < ERROR`,
  'lru changes its settings, except in 1.6.40, which lost the command': `
    [1.5.0..1.6.39,1.6.41..]
    > lru tune 10 25 0.1 2.0
    < OK
    > lru tune 50 40 0.1 2.0
    < ERROR hot and warm pcts must not exceed 80
    > lru tune 10 25 0 2.0
    < ERROR hot/warm age factors must be greater than 0
    > lru tune 10
    < ERROR
    > lru mode flat
    < OK
    > lru mode segmented
    < OK
    > lru mode x
    < ERROR
    > lru temp_ttl 60
    < OK
    > lru temp_ttl -1
    < OK
    > lru temp_ttl x
    < ERROR
    > lru
    < ERROR`,
  'slabs reassign and automove check their arguments': `
    > slabs reassign 1 1
    < SAME src and dst class are identical
    > slabs reassign 1 99
    < BADCLASS invalid src or dst class id
    [1.6.0..] > slabs reassign 1 x
    [1.6.0..] < CLIENT_ERROR bad command line format
    > slabs automove 0
    < OK
    > slabs automove 1
    < OK
    > slabs automove 3
    < ERROR
    > slabs automove x
    [..1.5.22] < OK
    [1.6.0..] < CLIENT_ERROR bad command line format
    > slabs automove ratio 0.5
    < OK
    > slabs automove ratio
    < ERROR
    > slabs
    < ERROR`,
  'lru_crawler commands are accepted': `
    > lru_crawler tocrawl 10
    < OK
    > lru_crawler tocrawl x
    < CLIENT_ERROR bad command line format
    > lru_crawler sleep 100
    < OK
    > lru_crawler sleep 1000001
    < CLIENT_ERROR sleep must be one second or less
    > lru_crawler crawl 99
    < BADCLASS invalid class id
    > lru_crawler metadump x
    < BADCLASS invalid class id
    [..1.6.8] > lru_crawler metadump hash
    [..1.6.8] < BADCLASS invalid class id
    > lru_crawler mgdump all
    [..1.6.18] < ERROR
    [1.6.43..] < OK
    [1.6.19..] < EN
    > lru_crawler
    < ERROR
    > lru_crawler nonsense
    < ERROR
    [1.6.0..] > set a 0 0 1
    [1.6.0..] > x
    [1.6.0..] > lru_crawler metadump all
    [1.6.0..] < STORED
    [1.6.0..] < ERROR cannot pipeline other commands before metadump`,
  'watch takes known streams, and only as the first command of a connection': `
    > watch nonsense
    < ERROR
    [1.6.0..] > set a 0 0 1
    [1.6.0..] > x
    [1.6.0..] > watch
    [1.6.0..] < STORED
    [1.6.0..] < ERROR cannot pipeline other commands before watch
    > watch mutations evictions
    < OK`,
  'shutdown is refused unless it was enabled': `
    > shutdown
    [..1.6.39] < ERROR: shutdown not enabled
    [1.6.40..] < SERVER_ERROR: shutdown not enabled
    [1.6.0..1.6.39] > shutdown graceful
    [1.6.0..1.6.39] < ERROR: shutdown not enabled`,
  'config is unknown: only managed caches have it': `
    > config get cluster
    < ERROR`,
})
