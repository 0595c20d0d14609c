import type { IncomingMessage, ServerResponse } from 'node:http'
import bodyParser from 'body-parser'
import compression from 'compression'
import cors from 'cors'
import session from 'express-session'
import helmet from 'helmet'
import methodOverride from 'method-override'
import morgan from 'morgan'
import responseTime from 'response-time'
import serveStatic from 'serve-static'

/** A middleware with connect's signature, the most common one. */
export type Middleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => unknown,
) => void

type Write = (chunk?: unknown, ...rest: unknown[]) => boolean

/** Rewrites a body chunk by chunk, as live reload and A/B tests do. */
const rewriting: Middleware = (_request, response, next) => {
  const rewritten = (chunk: unknown): unknown =>
    typeof chunk === 'string' || Buffer.isBuffer(chunk)
      ? String(chunk).replaceAll('cat', 'elephant')
      : chunk
  for (const name of ['write', 'end'] as const) {
    const own = response[name] as Write
    response[name] = ((chunk: unknown, ...rest: unknown[]) => {
      if (!response.headersSent) response.removeHeader('Content-Length')
      return Reflect.apply(own, response, [rewritten(chunk), ...rest])
    }) as never
  }
  next()
}

/** Holds a body back and sends it later, changed, as minifiers do. */
const minifying: Middleware = (_request, response, next) => {
  const chunks: string[] = []
  const { write } = response
  const end = response.end as Write
  const keep = (chunk: unknown): void => {
    if (typeof chunk === 'string' || Buffer.isBuffer(chunk)) chunks.push(String(chunk))
  }
  response.write = ((chunk: unknown) => {
    keep(chunk)
    return true
  }) as never
  response.end = ((chunk: unknown) => {
    keep(chunk)
    setImmediate(() => {
      const minified = chunks.join('').replace(/\s+/g, ' ')
      if (!response.headersSent) response.removeHeader('Content-Length')
      response.write = write
      Reflect.apply(end, response, [minified])
    })
    return response
  }) as never
  next()
}

/** Makes an ETag of the whole body, and responds 304 when the client has it. */
const tagging: Middleware = (request, response, next) => {
  const end = response.end as Write
  response.end = ((chunk: unknown, ...rest: unknown[]) => {
    if (!response.headersSent && typeof chunk === 'string') {
      const tag = `"${Buffer.byteLength(chunk)}"`
      response.setHeader('ETag', tag)
      if (request.headers['if-none-match'] === tag) {
        response.statusCode = 304
        response.removeHeader('Content-Length')
        return Reflect.apply(end, response, [])
      }
    }
    return Reflect.apply(end, response, [chunk, ...rest])
  }) as never
  next()
}

/** Sets a header of its own when the headers go out. */
const stamping: Middleware = (_request, response, next) => {
  const writeHead = response.writeHead
  response.writeHead = ((...args: unknown[]) => {
    response.setHeader('X-Stamp', 'yes')
    return Reflect.apply(writeHead, response, args)
  }) as never
  next()
}

/** Functions that make the middlewares: one instance per application. */
export const middlewares: Readonly<Record<string, () => Middleware>> = {
  compression: () => compression({ threshold: 0 }) as unknown as Middleware,
  helmet: () => helmet() as Middleware,
  cors: () => cors() as Middleware,
  'express-session': () =>
    session({ secret: 'a', resave: false, saveUninitialized: false }) as unknown as Middleware,
  'response-time': () => responseTime() as Middleware,
  'method-override': () => methodOverride() as unknown as Middleware,
  'body-parser': () => bodyParser.json() as Middleware,
  morgan: () => morgan('combined', { stream: { write: () => {} } }) as Middleware,
  'serve-static': () => serveStatic('/nowhere') as unknown as Middleware,
  'one that tags': () => tagging,
  'one that rewrites': () => rewriting,
  'one that minifies': () => minifying,
  'one that stamps headers': () => stamping,
}
