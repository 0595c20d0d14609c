import { contract } from './contract.ts'

const TOO_LARGE = 1024 * 1024
const FILLING = 'v'.repeat(TOO_LARGE)

contract('items over the limit', {
  'an item over the limit is read and dropped, and deletes the old value unless it came by cas': `
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
    [1.6.0..] > set a 0 0 ${TOO_LARGE} noreply
    [1.6.0..] > ${FILLING}
    > set a 0 0 1
    > x
    < STORED
    [1.6.10..] > ms a ${TOO_LARGE} C1
    [1.6.10..] > ${FILLING}
    [1.6.10..] < SERVER_ERROR object too large for cache
    [1.6.10..] > get a
    [1.6.10..] < END`,
  'the largest item includes its key, its flags and its header': `
    [1.5.0..]
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
    [1.5.0..]
    > set a 0 0 ${TOO_LARGE - 60}
    > ${FILLING.slice(60)}
    < STORED
    > append a 0 0 1
    > x
    < NOT_STORED`,
})
