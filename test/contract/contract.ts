import { after, before, describe, test } from 'node:test'
import type { EmbeddedServer } from '../../src/embedded/embedded-server.ts'
import { startServer } from '../../src/embedded/server.ts'
import {
  type Memcached,
  memcachedVersion,
  skipWithoutMemcached,
  startMemcached,
} from '../support/memcached.ts'
import { concerns, isWithin, playTranscript, type Target, Wire } from './transcript.ts'

/** The versions that the embedded server imitates. */
export const VERSIONS = ['1.4.39', '1.5.22', '1.6.18', '1.6.27', '1.6.40', '1.6.45'] as const

/**
 * One contract: transcripts by title, run on the embedded server as each version, and on a real
 * memcached as its own version, within `range`. Where the two differ, the embedded server is wrong.
 */
export function contract(
  subject: string,
  transcripts: Readonly<Record<string, string>>,
  range: string = '..',
): void {
  for (const version of VERSIONS) {
    if (!isWithin(version, range)) continue
    describe(`${subject}, embedded ${version}`, () => {
      let server: EmbeddedServer
      before(async () => {
        server = await startServer({ version })
      })
      after(() => server.close())
      play(transcripts, version, () => ({
        name: `embedded ${version}`,
        port: server.port,
        version,
      }))
    })
  }
  const version = memcachedVersion() ?? ''
  if (!isWithin(version, range)) return
  describe(`${subject}, real memcached ${version}`, { skip: skipWithoutMemcached() }, () => {
    let server: Memcached
    before(async () => {
      server = await startMemcached()
    })
    after(() => server.stop())
    play(transcripts, version, () => ({ name: `memcached ${version}`, port: server.port, version }))
  })
}

function play(
  transcripts: Readonly<Record<string, string>>,
  version: string,
  target: () => Target,
): void {
  for (const [title, text] of Object.entries(transcripts)) {
    if (!concerns(text, version)) continue
    test(title, async () => {
      const wire = await Wire.open(target().port)
      wire.send('flush_all\r\n')
      await wire.read((bytes) => bytes === 'OK\r\n')
      wire.close()
      await playTranscript(target(), text)
    })
  }
}
