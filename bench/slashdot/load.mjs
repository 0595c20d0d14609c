// One load generator: `node load.mjs URL CONNECTIONS SECONDS` prints what autocannon counted.
import process from 'node:process'
import autocannon from 'autocannon'

const [url, connections, duration] = process.argv.slice(2)
const result = await autocannon({
  url,
  connections: Number(connections),
  duration: Number(duration),
  // Nearly as long as browsers wait, and longer than the run, so that slow responses are no errors.
  timeout: 30,
})
const { latency, requests, errors, timeouts, non2xx } = result
process.stdout.write(
  JSON.stringify({
    answered: requests.total,
    errors: errors + timeouts + non2xx,
    averageMs: latency.average,
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    maxMs: latency.max,
  }),
)
