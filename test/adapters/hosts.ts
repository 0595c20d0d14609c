import http from 'node:http'
import express from 'express'
import express4 from 'express4'
import Fastify from 'fastify'
import Koa from 'koa'
import type { PageCache } from '../../src/integrations/page.ts'
import type { Middleware } from './middlewares.ts'

/** The middleware before and after the page cache. */
export interface Around {
  readonly before: readonly Middleware[]
  readonly pages: PageCache | undefined
  readonly after: readonly Middleware[]
}

/** The route handler of every application. */
export type Route = (request: http.IncomingMessage, response: http.ServerResponse) => unknown

/** Makes an application of one framework. */
type Host = (around: Around, route: Route) => Promise<http.RequestListener>

function inExpress(make: typeof express): Host {
  return async ({ before, pages, after }, route) => {
    const app = make().disable('x-powered-by')
    for (const each of before) app.use(each)
    if (pages !== undefined) app.use(pages)
    for (const each of after) app.use(each)
    app.use((request, response) => void route(request, response))
    return app as unknown as http.RequestListener
  }
}

/** Runs middleware one after the other, as connect does. */
export function chained(around: Around, route: Route): http.RequestListener {
  const { before, pages, after } = around
  const all: Middleware[] = [...before, ...(pages === undefined ? [] : [pages]), ...after]
  return (request, response) => {
    const step = (index: number): unknown =>
      index === all.length
        ? route(request, response)
        : all[index]!(request, response, () => step(index + 1))
    step(0)
  }
}

/** The frameworks, each set up as its documentation says. */
export const hosts: Readonly<Record<string, Host>> = {
  'express 4': inExpress(express4 as unknown as typeof express),
  'express 5': inExpress(express),
  'node:http': async (around, route) => chained(around, route),
  async Fastify({ before, pages, after }, route) {
    let listener: http.RequestListener | undefined
    const fastify = Fastify({
      serverFactory: (handler) => {
        listener = handler as http.RequestListener
        return http.createServer()
      },
    })
    const use = (each: Middleware): void => {
      fastify.addHook('onRequest', (request, reply, done) => {
        each(request.raw, reply.raw, (error) => done(error as Error))
      })
    }
    before.forEach(use)
    if (pages !== undefined) fastify.addHook('onRequest', pages.onRequest)
    after.forEach(use)
    fastify.get('/*', (request, reply) => {
      reply.hijack()
      void route(request.raw, reply.raw)
    })
    await fastify.ready()
    return listener!
  },
  async Koa({ before, pages, after }, route) {
    const app = new Koa()
    const use = (each: Middleware): void => {
      app.use((context, next) => {
        const step = new Promise<void>((resolve, reject) => {
          each(context.req, context.res, (error) => (error ? reject(error) : resolve()))
        })
        return step.then(next)
      })
    }
    before.forEach(use)
    if (pages !== undefined) app.use(pages.koa)
    after.forEach(use)
    app.use(async (context) => {
      context.respond = false
      await route(context.req, context.res)
    })
    return app.callback()
  },
}
