import type { MintringError } from '../../src/errors.ts'
import type { ParserLimits } from '../../src/protocol/limits.ts'
import type { Reply } from '../../src/protocol/reply.ts'
import { ReplyParser } from '../../src/protocol/reply-parser.ts'

/** All fields of a reply, as plain data that is valid after the callback. */
export interface Heard {
  readonly kind: number
  readonly text: string
  readonly key: string
  readonly keyIsBase64: boolean
  readonly flags: number
  readonly size: number
  readonly ttl: number
  readonly marks: string
  readonly hit: number
  readonly lastAccess: number
  readonly opaque: string
  readonly cas: string
  readonly number: bigint
  readonly value: string
}

export function hear(reply: Reply): Heard {
  return {
    kind: reply.kind,
    text: reply.text(),
    key: reply.keyText(),
    keyIsBase64: reply.keyIsBase64,
    flags: reply.flags,
    size: reply.size,
    ttl: reply.ttl,
    marks: `${reply.won ? 'W' : ''}${reply.stale ? 'X' : ''}${reply.lost ? 'Z' : ''}`,
    hit: reply.hit,
    lastAccess: reply.lastAccess,
    opaque: reply.opaque,
    cas: reply.casText,
    number: reply.number,
    value: reply.valueBuffer().toString('latin1'),
  }
}

/** The result of a stream: its replies, and the message of the error that ended it, if one did. */
export interface Outcome {
  readonly replies: readonly Heard[]
  readonly error: string | undefined
  readonly code: string | undefined
  readonly pendingBytes: number
}

/** Each chunk is copied, and overwritten after its push, as a reused read buffer would be. */
export function feed(chunks: Iterable<Uint8Array>, limits?: Partial<ParserLimits>): Outcome {
  const replies: Heard[] = []
  const parser = new ReplyParser((reply) => replies.push(hear(reply)), limits)
  try {
    for (const chunk of chunks) {
      const scratch = Buffer.from(chunk)
      parser.push(scratch)
      scratch.fill(0x21)
    }
  } catch (error) {
    const { message, code } = error as MintringError
    return { replies, error: message, code, pendingBytes: parser.pendingBytes }
  }
  return { replies, error: undefined, code: undefined, pendingBytes: parser.pendingBytes }
}

export function parse(text: string, limits?: Partial<ParserLimits>): Outcome {
  return feed([Buffer.from(text, 'latin1')], limits)
}

/** A conversation with every kind of reply, and values that look like protocol. */
export const conversation: string = [
  'VALUE a 0 3\r\nabc\r\nVALUE k\xc3\xa9y 4294967295 0 18446744073709551615\r\n\r\nEND\r\n',
  'VALUE crlf 5 14\r\nEND\r\nVALUE x\r\n\r\nEND\r\n',
  'VA 3 f7 t-1 c99 kfoo Oabc123 s3 h1 l12 W X\r\nxyz\r\nHD\r\nHD c7 s12 \r\nEN\r\nEN \r\n',
  'VA 0 W\r\n\r\nVA 2 t30 X W\r\n\r\n\r\nVA 1 Z\r\n\n\r\nVA 1 kAAEC b \r\n\r\r\n',
  'NF\r\nNS Oq\r\nEX c1\r\nMN\r\nME foo exp=-1 la=2 cas=1 fetch=no cls=1 size=63\r\n',
  'STORED\r\nNOT_STORED\r\nEXISTS\r\nNOT_FOUND\r\nDELETED\r\nTOUCHED\r\nOK\r\nRESET\r\n',
  '0\r\n18446744073709551615\r\n9 \r\nSTAT pid 1\r\nSTAT a b c\r\nSTAT none \r\nEND\r\n',
  'VERSION 1.6.18\r\nERROR\r\nERROR Too many open connections\r\nCLIENT_ERROR bad \x00 thing\r\n',
  'SERVER_ERROR object too large for cache\r\nERROR: shutdown not enabled\r\n',
  'CONFIG cluster 0 22\r\n1\nhost|127.0.0.1|1121\n\r\nEND\r\n',
  'key=a exp=-1 la=1 cas=2 fetch=no cls=1 size=60\nkey=b exp=0\nEND\r\nmg a\r\nmg YQ== b\r\nEN\r\n',
  'OK\r\nts=1.2 gid=1 type=item_get key=a\nskipped=4\nBUSY now\r\nBADCLASS no\r\nSAME\r\n',
].join('')
