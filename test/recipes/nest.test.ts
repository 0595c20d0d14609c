import 'reflect-metadata'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { KeyvMemcache } from '@keyv/memcache'
import { CACHE_MANAGER, CacheModule } from '@nestjs/cache-manager'
import { Controller, Get, Inject, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import type { Cache } from 'cache-manager'
import Keyv from 'keyv'
import { MemcachedClient } from '../../src/client/client.ts'
import { KeyvMintring } from '../../src/integrations/keyv.ts'
import { freePort } from '../support/memcached.ts'

const WAIT_MS = 100
/** The requests in which a client learns that its only host is down. */
const FIRST = 4
const LATER = 5

/** Where nothing listens, and where connections are accepted but no command is answered. */
const addresses: Readonly<Record<string, (context: TestContext) => Promise<string>>> = {
  'is down': async () => `127.0.0.1:${await freePort()}`,
  hangs: async (context) => {
    const sockets: net.Socket[] = []
    const server = net.createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    context.after(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  },
}

/** Starts an application whose only route reads through the cache. */
async function startApplication(store: Keyv) {
  class Reports {
    readonly cache: Cache
    /** How many requests waited for the cache. */
    waited = 0

    constructor(cache: Cache) {
      this.cache = cache
    }

    async report(): Promise<string> {
      const timer = setTimeout(() => this.waited++, WAIT_MS)
      const report = await this.cache.wrap('report', async () => 'from the origin', 60_000)
      clearTimeout(timer)
      return report
    }
  }
  const method = Object.getOwnPropertyDescriptor(Reports.prototype, 'report')!
  Get('report')(Reports.prototype, 'report', method)
  Inject(CACHE_MANAGER)(Reports, undefined, 0)
  Controller()(Reports)
  class AppModule {}
  const imports = [CacheModule.register({ isGlobal: true, stores: [store] })]
  Module({ imports, controllers: [Reports] })(AppModule)
  const app = await NestFactory.create(AppModule, { logger: false })
  await app.listen(0, '127.0.0.1')
  return { app, reports: app.get(Reports), url: `${await app.getUrl()}/report` }
}

/** Returns how many of the later requests waited for the cache. */
async function waitsOf(store: Keyv): Promise<number> {
  const { app, reports, url } = await startApplication(store)
  for (let i = 0; i < FIRST + LATER; i++) {
    if (i === FIRST) reports.waited = 0
    const response = await fetch(url)
    assert.equal(await response.text(), 'from the origin')
  }
  await app.close()
  return reports.waited
}

describe('a NestJS application with a cache through Keyv', { concurrency: true }, () => {
  for (const [state, addressOf] of Object.entries(addresses)) {
    test(`starts and stops waiting when memcached ${state}, with mintring`, async (context) => {
      const client = new MemcachedClient(await addressOf(context), { onError: 'miss' })
      assert.equal(await waitsOf(new Keyv({ store: new KeyvMintring(client) })), 0)
      await client.close()
    })

    test(`waits in each request when memcached ${state}, with @keyv/memcache`, async (context) => {
      const address = await addressOf(context)
      const logger = { log: () => {} }
      // Its default timeout is longer: each request would wait for seconds.
      const store = new KeyvMemcache(address, { timeout: 0.1, logger })
      assert.equal(await waitsOf(new Keyv({ store })), LATER)
    })
  }
})
