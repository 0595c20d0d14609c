// Orders in a SQLite file, made at the first start, and a report that has to look at many of them.
import { existsSync, renameSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parentPort } from 'node:worker_threads'
import sqlite from 'node-sqlite3-wasm'

const file = fileURLToPath(new URL('../shop.sqlite', import.meta.url))
const ORDERS = 60_000

if (!existsSync(file)) fill(file)
const database = new sqlite.Database(file, { readOnly: true })
const report = database.prepare(`
  SELECT customer, count(*) AS orders, sum(cents) / 100.0 AS spent, max(cents) / 100.0 AS largest
  FROM orders WHERE category = ?
  GROUP BY customer ORDER BY spent DESC LIMIT 20`)

parentPort.postMessage('open')
parentPort.on('message', ({ id, category }) => {
  const customers = report.all([category])
  parentPort.postMessage({ id, report: { category, customers, madeAt: new Date().toISOString() } })
})

function fill(path) {
  const part = `${path}.${process.pid}`
  const database = new sqlite.Database(part)
  database.exec(`
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INT, category TEXT, cents INT);
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${ORDERS})
    INSERT INTO orders SELECT n, n * 7919 % 2000,
      CASE n % 4 WHEN 0 THEN 'books' WHEN 1 THEN 'music' WHEN 2 THEN 'films' ELSE 'games' END,
      n * 104729 % 100000 FROM numbers`)
  database.close()
  renameSync(part, path)
  rmSync(`${part}.lock`, { recursive: true, force: true })
}
