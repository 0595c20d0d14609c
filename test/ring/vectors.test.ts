import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createRing } from '../../src/ring/ring.ts'
import { type Question, questionFor } from './clients.ts'
import { keysOf, readOddKeys, readVectors, type Vector, vectorFolder } from './vectors.ts'

// Recorded from real clients and real servers. Every key must agree.
const files = readVectors(vectorFolder)
const oddKeys = readOddKeys(vectorFolder)

/** Returns mintring's server of each key of a vector; -1 for a key whose request would fail. */
function answersTo(vector: Vector, { options, hashedKey }: Question): number[] {
  const ring = createRing(vector.servers, options)
  const keys = keysOf(vector, oddKeys).map(hashedKey)
  const dead = (vector.options.dead ?? []) as readonly number[]
  if (dead.length === 0) return keys.map((key) => ring.indexOf(key))
  const live = new Uint8Array(vector.servers.length).fill(1)
  for (const index of dead) live[index] = 0
  if (options.autoEjectHosts === false) {
    return keys.map((key) => (live[ring.indexOf(key)] ? ring.indexOf(key) : -1))
  }
  if (ring.ejection === 'skip') return keys.map((key) => ring.indexOfLive(key, live))
  const rebuilt = ring.rebuiltOver(live)
  return keys.map((key) => rebuilt.indexOf(key))
}

/** A server listed twice counts as one, except in libmemcached's exact results. */
function placeOf(vector: Vector, answer: number): number {
  const server = vector.servers[answer]
  if (server === undefined) return -1
  return vector.servers.findIndex(({ host, port }) => host === server.host && port === server.port)
}

function check(vector: Vector): void {
  const question = questionFor(vector)
  const answers = answersTo(vector, question)
  assert.equal(answers.length, vector.answers.length, 'as many keys as answers')
  const exact = vector.source.startsWith('libmemcached')
  const wrong = answers.filter((answer, i) => {
    const expected = vector.answers[i]!
    return exact ? answer !== expected : placeOf(vector, answer) !== placeOf(vector, expected)
  })
  assert.equal(wrong.length, 0, `${wrong.length} of ${answers.length} keys are on another server`)
}

assert.ok(files.size > 0, `no vectors in ${vectorFolder}`)
for (const [file, vectors] of files) {
  describe(`every key lives where the real client puts it: ${file}`, () => {
    assert.ok(vectors.length > 0, `no vectors in ${file}`)
    for (const vector of vectors) {
      const { source, distribution, hash, options, servers } = vector
      const configuration = `${servers.length} servers, ${JSON.stringify(options)}`
      const title = `${source}, ${distribution}, ${hash}, ${configuration}`
      it(title, () => check(vector))
    }
  })
}
