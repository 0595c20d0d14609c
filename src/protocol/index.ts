/**
 * `mintring/protocol`: parses and encodes the memcached protocol, text and meta, for clients and
 * servers. It has no dependency, no socket and no clock.
 * @module protocol
 */
export {
  type ErrorCode,
  type ErrorDetails,
  type ErrorJson,
  isMintringError,
  MintringError,
} from '../errors.ts'
export * from './admin.ts'
export { Command, itemBytes } from './command.ts'
export { CommandLine } from './command-line.ts'
export { META_FLAGS_1_6_18, MetaFlags } from './command-meta.ts'
export { CommandParser, type CommandParserOptions } from './command-parser.ts'
export { toExptime } from './exptime.ts'
export { checkWireKey, toBase64Key, toWireKey } from './key.ts'
export * from './limits.ts'
export * from './meta.ts'
export {
  isSince,
  META_SINCE,
  type MetaVerb,
  metaFlagSince,
  type NewerFlag,
  unknownMetaFlag,
} from './meta-versions.ts'
export { Reply, TTL_UNTOLD } from './reply.ts'
export { ReplyKind } from './reply-kind.ts'
export { ReplyParser } from './reply-parser.ts'
export * from './request.ts'
export { ReplyWriter } from './respond.ts'
