import Fastify from 'fastify'

/** Serves `GET /reports/:category`, and figures of the service at `GET /status`. */
export function listen(port, fetchReport, status) {
  const fastify = Fastify()
  fastify.get('/reports/:category', (request) => fetchReport(request.params.category))
  fastify.get('/status', () => status())
  return fastify.listen({ port, host: '0.0.0.0', backlog: 4096 })
}
