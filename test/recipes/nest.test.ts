import 'reflect-metadata'
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CACHE_MANAGER, CacheModule } from '@nestjs/cache-manager'
import { Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import type { Cache } from 'cache-manager'
import Keyv from 'keyv'
import { MemcachedClient } from '../../src/client/client.ts'
import { KeyvMintring } from '../../src/integrations/keyv.ts'
import { freePort } from '../support/memcached.ts'

describe('NestJS with mintring through Keyv', () => {
  test('starts and asks the origin when memcached is down', async () => {
    const client = new MemcachedClient(`127.0.0.1:${await freePort()}`, { onError: 'miss' })
    class AppModule {}
    const stores = [new Keyv({ store: new KeyvMintring(client) })]
    Module({ imports: [CacheModule.register({ isGlobal: true, stores })] })(AppModule)
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false })
    const cache = app.get<Cache>(CACHE_MANAGER)
    assert.equal(
      await cache.wrap('report', () => Promise.resolve('from the origin')),
      'from the origin',
    )
    assert.equal(await cache.get('report'), undefined)
    await app.close()
    await client.close()
  })
})
