// Runs commands under the tracing of one vendor, and prints the spans as JSON, without the fields
// that vary between runs. Arguments: the vendor, and the servers.
const { createServer } = require('node:http')
const { createGunzip } = require('node:zlib')

const [vendor, ...servers] = process.argv.slice(2)

/** OpenTelemetry's instrumentation: spans as exported. */
async function opentelemetry(work) {
  const { NodeTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } =
    require('@opentelemetry/sdk-trace-node')
  const { registerInstrumentations } = require('@opentelemetry/instrumentation')
  const { MemcachedInstrumentation } = require('@opentelemetry/instrumentation-memcached')
  const exporter = new InMemorySpanExporter()
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  provider.register()
  const instrumentation = new MemcachedInstrumentation({ enhancedDatabaseReporting: true })
  registerInstrumentations({ instrumentations: [instrumentation] })
  await provider.getTracer('app').startActiveSpan('app', async (span) => {
    await work()
    span.end()
  })
  const spans = exporter.getFinishedSpans()
  const root = spans.find(({ name }) => name === 'app')
  return spans.map(({ name, kind, status, attributes, events, parentSpanContext }) => ({
    ...{ name, kind, status, attributes, events: events.map((event) => event.name) },
    isInner: parentSpanContext?.spanId === root.spanContext().spanId,
  }))
}

/** Elastic's agent: spans as its server receives them. */
async function elastic(work) {
  const spans = []
  const server = createServer((request, response) => {
    const isPacked = request.headers['content-encoding'] === 'gzip'
    const body = isPacked ? request.pipe(createGunzip()) : request
    let text = ''
    body.setEncoding('utf8').on('data', (part) => {
      text += part
    })
    body.on('end', () => {
      for (const line of text.split('\n').filter(Boolean)) {
        const { span } = JSON.parse(line)
        if (span !== undefined) spans.push(span)
      }
      response.writeHead(202).end('{}')
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const agent = require('elastic-apm-node').start({
    ...{ serverUrl: `http://127.0.0.1:${server.address().port}`, serviceName: 'app' },
    ...{ logLevel: 'off', centralConfig: false, cloudProvider: 'none', metricsInterval: '0s' },
    ...{ spanCompressionEnabled: false, captureExceptions: false, apiRequestTime: '500ms' },
  })
  const transaction = agent.startTransaction('app')
  await work()
  transaction.end()
  await new Promise((resolve) => agent.flush(resolve))
  server.closeAllConnections()
  return spans.map(({ name, type, subtype, action, outcome, context }) => ({
    ...{ name, type, subtype, action, outcome, context },
  }))
}

/** Datadog's tracer: spans as its exporter receives them. */
async function datadog(work) {
  const tracer = require('dd-trace').init({ startupLogs: false, plugins: true })
  tracer.use('memcached', { memcachedCommandEnabled: true })
  const spans = []
  tracer._tracer._exporter.export = (finished) => spans.push(...finished)
  await tracer.trace('app', {}, work)
  return spans.map(({ name, resource, service, type, error, meta, parent_id }) => ({
    ...{ name, resource, service, type, error, isInner: String(parent_id) !== '0' },
    meta: Object.fromEntries(
      Object.entries(meta).filter(
        ([key]) => !/^(runtime-id|_dd\.|error\.stack|process_)/.test(key),
      ),
    ),
  }))
}

/** The commands: hits, misses, refusals, invalid keys, several servers, a dead server. */
async function work() {
  const Memcached = require('memcached')
  const call = (client, method, ...words) =>
    new Promise((resolve) => client[method](...words, (error, result) => resolve(error ?? result)))
  const one = new Memcached(servers[0])
  await call(one, 'set', 'k', 'v', 60)
  await call(one, 'get', 'k')
  await call(one, 'get', 'none')
  await call(one, 'gets', 'k')
  await call(one, 'add', 'k', 'again', 60)
  await call(one, 'set', 'n', 1, 60)
  await call(one, 'incr', 'n', 1)
  await call(one, 'decr', 'k', 1)
  await call(one, 'touch', 'k', 10)
  await call(one, 'append', 'k', 'more')
  await call(one, 'get', 'with space')
  await call(one, 'set', 'x'.repeat(300), 'long', 60)
  await call(one, 'del', 'k')
  await call(one, 'version')
  await call(one, 'cachedump', servers[0], 1, 10)
  one.end()
  const several = new Memcached(servers.slice(0, 2), { namespace: 'ns:' })
  for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) await call(several, 'set', key, key, 60)
  await call(several, 'getMulti', ['a', 'b', 'c', 'd', 'e', 'f', 'none'])
  await call(several, 'stats')
  several.end()
  const gone = new Memcached(servers[2], { retries: 0, timeout: 500, failures: 0, remove: true })
  gone.on('issue', () => {})
  await call(gone, 'get', 'k')
  gone.end()
}

const vendors = { opentelemetry, elastic, datadog }
vendors[vendor](work).then((spans) => {
  process.stdout.write(JSON.stringify(spans), () => process.exit(0))
})
