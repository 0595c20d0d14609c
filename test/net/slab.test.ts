import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Slab } from '../../src/net/slab.ts'

const LARGE = 400_000

test('texts are encoded one after the other into one slab', () => {
  const slab = new Slab()
  const first = slab.take('a'.repeat(9_000))
  const second = slab.take('b'.repeat(9_000))
  assert.equal(Buffer.from(first).toString(), 'a'.repeat(9_000))
  assert.equal(Buffer.from(second).toString(), 'b'.repeat(9_000))
  assert.equal(first.buffer, second.buffer)
})

test('memory of a slab is reused once the socket has taken the bytes', () => {
  const slab = new Slab()
  const { buffer } = slab.take('a'.repeat(LARGE))
  slab.reuse()
  assert.equal(slab.take('b'.repeat(LARGE)).buffer, buffer)
})

test('memory of a slab that the socket still needs is not overwritten', () => {
  const slab = new Slab()
  const waiting = slab.take('a'.repeat(LARGE))
  slab.leave()
  slab.take('b'.repeat(LARGE))
  slab.reuse()
  slab.take('c'.repeat(LARGE))
  assert.equal(Buffer.from(waiting).toString(), 'a'.repeat(LARGE))
})

test('a text that does not fit gets a buffer of its own', () => {
  const slab = new Slab()
  const first = slab.take('a'.repeat(LARGE))
  const second = slab.take('b'.repeat(LARGE))
  assert.notEqual(first.buffer, second.buffer)
  assert.equal(Buffer.from(first).toString(), 'a'.repeat(LARGE))
  assert.equal(Buffer.from(second).toString(), 'b'.repeat(LARGE))
})
