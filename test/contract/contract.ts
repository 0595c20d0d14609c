import { after, before, describe, test } from 'node:test'
import type { EmbeddedServer } from '../../src/embedded/embedded-server.ts'
import { startServer } from '../../src/embedded/server.ts'
import { type Memcached, skipWithoutMemcached, startMemcached } from '../support/memcached.ts'
import { playTranscript, type Target, Wire } from './transcript.ts'

/**
 * One contract: transcripts by title, played on the embedded server and on a real memcached.
 * Where the two differ, the embedded server is wrong.
 */
export function contract(subject: string, transcripts: Readonly<Record<string, string>>): void {
  describe(`${subject}, embedded`, () => {
    let server: EmbeddedServer
    before(async () => {
      server = await startServer()
    })
    after(() => server.close())
    play(transcripts, () => ({ name: 'the embedded server', port: server.port }))
  })
  describe(`${subject}, real memcached`, { skip: skipWithoutMemcached() }, () => {
    let server: Memcached
    before(async () => {
      server = await startMemcached()
    })
    after(() => server.stop())
    play(transcripts, () => ({ name: 'memcached', port: server.port }))
  })
}

function play(transcripts: Readonly<Record<string, string>>, target: () => Target): void {
  for (const [title, text] of Object.entries(transcripts)) {
    test(title, async () => {
      const wire = await Wire.open(target().port)
      wire.send('flush_all\r\n')
      await wire.read((bytes) => bytes === 'OK\r\n')
      wire.close()
      await playTranscript(target(), text)
    })
  }
}
