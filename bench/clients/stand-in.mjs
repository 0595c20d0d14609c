// A stand-in for the sockets of a process: it replies in the next turn of the event loop, with
// replies that it made before. What remains to be timed is the client's own work.
import { EventEmitter } from 'node:events'
import net from 'node:net'

const VALUE = 'abcdefghij'.repeat(10)
/** The flag of text in mintring's encoding. */
const FLAGS = 1
const answers = new Map()
const waiting = []

class StandIn extends EventEmitter {
  writableLength = 0
  #onread

  constructor({ onread }) {
    super()
    this.#onread = onread
    setImmediate(() => this.emit('connect'))
  }

  write(text) {
    waiting.push([this, text])
    if (waiting.length === 1) setImmediate(answerAll)
    return true
  }

  answer(text) {
    let bytes = answers.get(text)
    if (bytes === undefined) {
      bytes = Buffer.from(text.split('\r\n').slice(0, -1).map(answerTo).join(''))
      answers.set(text, bytes)
    }
    const { buffer, callback } = this.#onread
    buffer.set(bytes)
    callback(bytes.length, buffer)
  }

  cork() {}
  uncork() {}
  destroy() {}
  setNoDelay() {}
  setKeepAlive() {}
}

function answerAll() {
  for (const [socket, text] of waiting.splice(0)) socket.answer(text)
}

function answerTo(line) {
  const [verb, ...words] = line.split(' ')
  if (verb === 'version') return 'VERSION 1.6.18\r\n'
  if (verb === 'mn') return 'MN\r\n'
  if (verb === 'stats') return 'END\r\n'
  if (verb === 'mg') return metaAnswer(words)
  const hits = words.map((key) => `VALUE ${key} ${FLAGS} ${VALUE.length}\r\n${VALUE}\r\n`)
  return `${hits.join('')}END\r\n`
}

/** A fresh item, with the requested flags in the requested order. */
function metaAnswer([key, ...flags]) {
  const told = { f: `f${FLAGS}`, t: 't900', c: 'c7', k: `k${key}`, s: `s${VALUE.length}` }
  const returned = flags.map((flag) => (flag[0] === 'O' ? flag : told[flag])).filter(Boolean)
  return `VA ${[VALUE.length, ...returned].join(' ')}\r\n${VALUE}\r\n`
}

/** After this call, `net.connect` returns stand-ins. */
export function standIn() {
  net.connect = (options) => new StandIn(options)
}
