// Orders in a SQLite file, created at the first start, and a report that has to read many of them.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parentPort } from 'node:worker_threads'
import openSqlite from 'sql.js'

const file = fileURLToPath(new URL('../shop.sqlite', import.meta.url))
const ORDERS = 60_000

const sqlite = await openSqlite()
if (!existsSync(file)) fill(file)
const database = new sqlite.Database(readFileSync(file))
const report = database.prepare(`
  SELECT customer, count(*) AS orders, sum(cents) / 100.0 AS spent, max(cents) / 100.0 AS largest
  FROM orders WHERE category = ?
  GROUP BY customer ORDER BY spent DESC LIMIT 20`)

parentPort.postMessage('open')
parentPort.on('message', ({ id, category }) => {
  const customers = []
  report.bind([category])
  while (report.step()) customers.push(report.getAsObject())
  report.reset()
  parentPort.postMessage({ id, report: { category, customers, madeAt: new Date().toISOString() } })
})

function fill(path) {
  const database = new sqlite.Database()
  database.run(`
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INT, category TEXT, cents INT);
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${ORDERS})
    INSERT INTO orders SELECT n, n * 7919 % 2000,
      CASE n % 4 WHEN 0 THEN 'books' WHEN 1 THEN 'music' WHEN 2 THEN 'films' ELSE 'games' END,
      n * 104729 % 100000 FROM numbers`)
  // Several processes may start at once: each writes a file of its own, and the last rename wins.
  const part = `${path}.${process.pid}`
  writeFileSync(part, database.export())
  renameSync(part, path)
  database.close()
}
