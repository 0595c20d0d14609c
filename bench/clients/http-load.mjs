// Independent HTTP clients: each has one connection, and sends the next request after a response.
import net from 'node:net'

const ASK = 'GET / HTTP/1.1\r\nHost: bench\r\n\r\n'
const FINE = 'HTTP/1.1 200 OK'
const MAX_WAIT_MS = 10_000

export async function loadHttp(port, clients, ms) {
  const tally = { times: [], wrong: 0 }
  const { times } = tally
  let isOver = false
  const all = Array.from({ length: clients }, () => ask(port, tally, () => isOver))
  const startMs = performance.now()
  setTimeout(() => {
    isOver = true
  }, ms)
  await Promise.all(all)
  const seconds = (performance.now() - startMs) / 1000
  times.sort((a, b) => a - b)
  return {
    perSecond: times.length / seconds,
    p50Us: 1000 * times[Math.floor(times.length * 0.5)],
    p99Us: 1000 * times[Math.floor(times.length * 0.99)],
    wrong: tally.wrong,
  }
}

function ask(port, tally, isOver) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
    let startMs = performance.now()
    socket.on('error', reject)
    socket.setTimeout(MAX_WAIT_MS, () => reject(new Error(`no answer in ${MAX_WAIT_MS} ms`)))
    socket.on('close', () => reject(new Error('closed before it answered')))
    socket.on('connect', () => socket.write(ASK))
    socket.on('data', (chunk) => {
      // A response is small and written at once, so it arrives in one piece.
      if (chunk.toString('latin1', 0, FINE.length) !== FINE) tally.wrong++
      const nowMs = performance.now()
      tally.times.push(nowMs - startMs)
      if (isOver()) {
        resolve()
        socket.destroy()
      } else {
        startMs = nowMs
        socket.write(ASK)
      }
    })
  })
}
