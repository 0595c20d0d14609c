import { createServer } from 'node:http'
import express from 'express'

/** Serves `GET /reports/:category`, and figures of the service at `GET /status`. */
export function listen(port, fetchReport, status) {
  const app = express()
  app.get('/reports/:category', async (request, response) => {
    response.json(await fetchReport(request.params.category))
  })
  app.get('/status', (_request, response) => response.json(status()))
  return new Promise((resolve) => createServer(app).listen(port, '0.0.0.0', 4096, resolve))
}
