import process from 'node:process'
import { createInterface } from 'node:readline'

/** Runs the order of each JSON line on stdin, and replies with one line on stdout. */
export async function takeOrders(orders) {
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line)
    let answer
    try {
      answer = await orders[order.do](order)
    } catch (error) {
      answer = { error: String(error?.stack ?? error) }
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`)
  }
  process.exit(0)
}
