import { describe } from 'node:test'
import { MemcachedClient } from '../../../src/client/client.ts'
import { type Loose, type Mistake, refuse } from './support.ts'

const create = (...args: readonly unknown[]): unknown => Reflect.construct(MemcachedClient, args)

const MISTAKES: readonly Mistake[] = [
  [
    'setServers(a,b)',
    (c) => c.setServers('a:1', 'b:1'),
    'MINTRING_BAD_ARGUMENT',
    "setServers() takes its servers as one list: setServers(['a:11211', 'b:11211'])",
  ],
  [
    'setServers(a, {handover:true})',
    (c) => c.setServers('a:1', { handover: true }),
    'MINTRING_BAD_BEHAVIOR',
    "handover takes a whole number of seconds from 0 to 43200, or a duration such as '5m', " +
      'got true',
  ],
  [
    'setServers(a, {handover:"10 min"})',
    (c) => c.setServers('a:1', { handover: '10 min' }),
    'MINTRING_BAD_BEHAVIOR',
    "handover takes a whole number of seconds from 0 to 43200, or a duration such as '5m', " +
      'got a string',
  ],
  [
    'setServers(a, {handover:5})',
    (c) => c.setServers('a:1', { handover: 5 }),
    'MINTRING_BAD_BEHAVIOR',
    'handover (5 s) is shorter than announce (60 s), so make it longer: ' +
      'some processes would drop the previous servers while others still read from them',
  ],
  [
    'setServers(a, {handoverMs})',
    (c) => c.setServers('a:1', { handoverMs: 5 }),
    'MINTRING_BAD_ARGUMENT',
    "setServers() has no option 'handoverMs'. Did you mean 'handover'?",
  ],
  [
    'setServers(a, {previous})',
    (c) => c.setServers('a:1', { previous: { servers: 'b' } }),
    'MINTRING_BAD_ARGUMENT',
    "setServers() has no option 'previous'. There is handover, announce.",
  ],
  [
    'configure({previous: "a"})',
    (c) => c.configure({ previous: 'a:1' }),
    'MINTRING_BAD_BEHAVIOR',
    'previous takes { servers } and what has changed, not a string',
  ],
  [
    'previous {}',
    (c) => c.configure({ previous: {} }),
    'MINTRING_BAD_BEHAVIOR',
    'previous needs the servers before the change: { servers }',
  ],
  [
    'previous {server}',
    (c) => c.configure({ previous: { server: 'a' } }),
    'MINTRING_BAD_BEHAVIOR',
    "previous has no field 'server'. Did you mean 'servers'?",
  ],
  [
    'previous {servers:[]}',
    (c) => c.configure({ previous: { servers: [] } }),
    'MINTRING_NO_SERVERS',
    "The server list is empty: give at least one server, such as 'cache:11211'",
  ],
  [
    'previous {servers:bad}',
    (c) => c.configure({ previous: { servers: 'a:99999' } }),
    'MINTRING_BAD_SERVER',
    "Bad server 'a:99999': the port 99999 is not a whole number from 1 to 65535",
  ],
  [
    'previous {servers, credentials}',
    (c) =>
      c.configure({ previous: { servers: 'a', credentials: { username: 'u', password: 'x' } } }),
    'MINTRING_BAD_BEHAVIOR',
    "previous has no field 'credentials': it takes only the settings that decide " +
      'on which host a key is',
  ],
  [
    'previous {servers, requestTimeoutMs}',
    (c) => c.configure({ previous: { servers: 'a', requestTimeoutMs: 5 } }),
    'MINTRING_BAD_BEHAVIOR',
    "previous has no field 'requestTimeoutMs': it takes only the settings that decide " +
      'on which host a key is',
  ],
  [
    'previous {servers, keyPrefix: " "}',
    (c) => c.configure({ previous: { servers: 'a', keyPrefix: 'a b' } }),
    'MINTRING_BAD_BEHAVIOR',
    'previous: keyPrefix must not contain spaces or control characters',
  ],
  [
    'previous {servers, valueFlags}',
    (c) => c.configure({ previous: { servers: 'a', valueFlags: 'pylibmc' } }),
    'MINTRING_BAD_BEHAVIOR',
    "previous.valueFlags is 'pylibmc' and valueFlags 'mintring': values keep their flags " +
      'when they move, so change valueFlags once the handover is over',
  ],
  [
    'previous {servers, username}',
    (c) => c.configure({ previous: { servers: 'a', username: 'u' } }),
    'MINTRING_BAD_BEHAVIOR',
    'previous has a username without a password: set both',
  ],
  [
    'configure({handover:true})',
    (c) => c.configure({ handover: true }),
    'MINTRING_BAD_BEHAVIOR',
    "handover takes a whole number of seconds from 0 to 43200, or a duration such as '5m', " +
      'got true',
  ],
  [
    'configure({announce:"auto"})',
    (c) => c.configure({ announce: 'auto' }),
    'MINTRING_BAD_BEHAVIOR',
    "announce takes a whole number of seconds from 1 to 43200, or a duration such as '5m', " +
      "got 'auto'",
  ],
  [
    'configure({announced})',
    (c) => c.configure({ announced: 60 }),
    'MINTRING_BAD_BEHAVIOR',
    "Unknown behavior 'announced'. Did you mean 'announce'?",
  ],
  [
    'configure({timeout:100})',
    (c) => c.configure({ timeout: 100 }),
    'MINTRING_BAD_BEHAVIOR',
    "Unknown behavior 'timeout': that is twemproxy's name for requestTimeoutMs. Use " +
      'requestTimeoutMs, or behaviorsFrom.twemproxy(…), which converts units.',
  ],
  [
    'configure({requestTimeoutMs:"1s"})',
    (c) => c.configure({ requestTimeoutMs: '1s' }),
    'MINTRING_BAD_BEHAVIOR',
    'requestTimeoutMs takes a whole number of milliseconds from 1 to 86400000, got a string',
  ],
  [
    'configure({prefix})',
    (c) => c.configure({ prefix: 'a' }),
    'MINTRING_BAD_BEHAVIOR',
    "Unknown behavior 'prefix': write { keyPrefix: 'app:' }",
  ],
  [
    'configure({maxConnections})',
    (c) => c.configure({ maxConnections: 10 }),
    'MINTRING_BAD_BEHAVIOR',
    "Unknown behavior 'maxConnections': write { connections: { max: 4 } }",
  ],
  [
    'configure({reconnect})',
    (c) => c.configure({ reconnect: 10 }),
    'MINTRING_BAD_BEHAVIOR',
    "Unknown behavior 'reconnect': a client connects on first use and reconnects " +
      'by itself, first after retryTimeoutMs',
  ],
  [
    'configure({compress:true})',
    (c) => c.configure({ compress: true }),
    'MINTRING_BAD_BEHAVIOR',
    "Unknown behavior 'compress': write { compressAboveBytes: 2048 }",
  ],
  [
    'configure({ttl:5})',
    (c) => c.configure({ ttl: 5 }),
    'MINTRING_BAD_BEHAVIOR',
    "Unknown behavior 'ttl': set the ttl in each call: set(key, value, { ttl: 60 })",
  ],
  [
    'configure({servers})',
    (c) => c.configure({ servers: 'a' }),
    'MINTRING_BAD_BEHAVIOR',
    "Unknown behavior 'servers': servers are the first argument: new " +
      'MemcachedClient(servers, behaviors), or setServers(servers)',
  ],
  [
    'configure({failover:true})',
    (c) => c.configure({ failover: true }),
    'MINTRING_BAD_BEHAVIOR',
    "failover takes 'rehash', 'miss', 'error' or { gutter: servers, ttl }",
  ],
  [
    'configure({connections:{min:5,max:2}})',
    (c) => c.configure({ connections: { min: 5, max: 2 } }),
    'MINTRING_BAD_BEHAVIOR',
    'connections.min (5) is above connections.max (2)',
  ],
  [
    'new create("localhost:11211", "other:11211")',
    () => create('localhost:11211', 'other:11211'),
    'MINTRING_BAD_BEHAVIOR',
    'Behaviors must be an object, such as { retryTimeoutMs: 30_000 }, not a string. Put all ' +
      "servers into one array: ['a:11211', 'b:11211']",
  ],
  [
    'new create({servers})',
    () => create({ servers: ['a'] }),
    'MINTRING_BAD_SERVER',
    "The servers must be a string such as 'a:11211,b:11211' or an array, not an object: write " +
      "[{ host: 'a', port: 11211 }]",
  ],
  [
    'new create([{hostname}])',
    () => create([{ hostname: 'a' }]),
    'MINTRING_BAD_SERVER',
    "Bad server { no host, port: 11211 }: a server has no 'hostname'. It has host, port, " +
      'weight, name, vnodes, path, ip, tls, username, password.',
  ],
  [
    'new create({"a:11211":1})',
    () => create({ 'a:11211': 1 }),
    'MINTRING_BAD_SERVER',
    "The servers must be a string such as 'a:11211,b:11211' or an array, not an object: write " +
      "[{ host: 'a', port: 11211 }]",
  ],
  [
    'new create("a;b")',
    () => create('a;b'),
    'MINTRING_BAD_SERVER',
    "Bad server 'a…': the host is not a host name: separate servers by commas or spaces",
  ],
  [
    'new create(process.env.X undefined)',
    () => create(undefined),
    'MINTRING_BAD_SERVER',
    "The servers must be a string such as 'a:11211,b:11211' or an array, not undefined: is " +
      'the environment variable set?',
  ],
  [
    'fromEnv(string)',
    () => (MemcachedClient as Loose).fromEnv('MEMCACHED_SERVERS'),
    'MINTRING_BAD_ARGUMENT',
    'fromEnv() takes an object such as process.env, not a string',
  ],
  [
    'fromEnv bad value',
    () => MemcachedClient.fromEnv({ MEMCACHED_SERVERS: 'a', MINTRING_RETRIES: 'many' }),
    'MINTRING_BAD_BEHAVIOR',
    'MINTRING_RETRIES takes a whole number from 0 to 10',
  ],
]

describe('settings of other clients, and settings of the wrong method, are refused at once', () => {
  refuse(MISTAKES)
})
