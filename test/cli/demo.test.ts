import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { demoCommand } from '../../src/cli/demo.ts'
import { type CliIo, UsageError } from '../../src/cli/io.ts'

/** A terminal that records what is written to it. */
function newIo(): CliIo & { readonly said: string[] } {
  const said: string[] = []
  const out = (text: string): void => void said.push(text)
  return { said, out, err: out, isTTY: false, columns: 80, env: {} }
}

describe('mintring demo', () => {
  test('shows that callers get no error when a host dies or a hot key expires, and the same without mintring', async () => {
    const io = newIo()
    const status = await demoCommand([], io)
    const text = io.said.join('')
    assert.equal(status, 0, text)
    assert.match(text, /errors they saw +[1-9][\d,]* +0\n/)
    assert.match(text, /wrong values they got +\d+ +0\n/)
    assert.match(text, /Verdict: as promised/)
    // Usually 1,000. On a busy machine, some callers read only after the first ones have loaded.
    const unprotected = /get, then load and set +([\d,]+) /.exec(text)?.[1]?.replace(',', '')
    assert.ok(Number(unprotected) > 100, `${unprotected} calls without protection`)
    assert.match(text, /one load per process +4 /)
    assert.match(text, /mintring +1 /)
    const shares = [...text.matchAll(/ ([\d.]+) %/g)].map((match) => Number(match[1]))
    const [modulo = 0, ketama = 0] = shares
    assert.ok(ketama > 15 && ketama < 35, `ketama moved ${ketama} %`)
    assert.ok(modulo > 70 && modulo < 80, `modulo moved ${modulo} %`)
    for (const line of text.split('\n')) assert.ok(line.length <= 80, line)
  })

  test('exits with 2 when it gets arguments', async () => {
    await assert.rejects(demoCommand(['--fast'], newIo()), UsageError)
  })
})
