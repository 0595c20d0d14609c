import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { secondaryStorage } from '../../src/integrations/better-auth.ts'
import { type RealCache, realCache } from '../adapters/support.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { serverKinds } from '../support/server-kinds.ts'

const user = { email: 'ada@example.com', password: 'correct horse battery', name: 'Ada' }

for (const [kind, start] of Object.entries(serverKinds)) {
  const options = { skip: skipWithoutMemcached() }
  describe(`Better Auth with mintring on ${kind}`, options, () => authSuite(realCache({}, start)))
}

function authSuite(real: RealCache): void {
  const database = { user: [], session: [], account: [], verification: [] }

  /** Creates an instance. All instances share the database and memcached, as processes do. */
  function newAuth(isShared = true) {
    const shared = isShared ? { secondaryStorage: secondaryStorage(real.cache) } : {}
    return betterAuth({
      ...shared,
      baseURL: 'http://127.0.0.1:3000',
      secret: 'a secret of thirty-two characters and more',
      database: memoryAdapter(database),
      emailAndPassword: { enabled: true },
      ...(isShared && {
        rateLimit: { enabled: true, storage: 'secondary-storage', window: 60, max: 1000 },
      }),
    })
  }

  const cookieOf = (response: Response): string =>
    response.headers
      .getSetCookie()
      .map((cookie) => cookie.split(';')[0])
      .join('; ')

  test('shares a session between processes, until it is signed out', async () => {
    const [one, two] = [newAuth(), newAuth()]
    const signedUp = await one.api.signUpEmail({ body: user, asResponse: true })
    assert.equal(signedUp.status, 200)
    const headers = new Headers({ cookie: cookieOf(signedUp) })
    const session = await two.api.getSession({ headers })
    assert.equal(session?.user.email, user.email)
    assert.equal(database.session.length, 0, 'sessions live in memcached alone')
    await two.api.signOut({ headers })
    assert.equal(await one.api.getSession({ headers }), null)
  })

  test('keeps sessions in the database without the storage', async () => {
    const before = database.session.length
    const body = { ...user, email: 'grace@example.com' }
    await newAuth(false).api.signUpEmail({ body })
    assert.equal(database.session.length, before + 1)
  })

  test('counts requests of its rate limit in memcached', async () => {
    const auth = newAuth()
    const signIn = () =>
      auth.handler(
        new Request('http://127.0.0.1:3000/api/auth/sign-in/email', {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            origin: 'http://127.0.0.1:3000',
            'x-forwarded-for': '192.0.2.7',
          },
          body: JSON.stringify({ ...user, password: 'wrong' }),
        }),
      )
    // Better Auth itself allows three sign-ins in ten seconds.
    const statuses: number[] = []
    for (let i = 0; i < 6; i++) statuses.push((await signIn()).status)
    assert.ok(statuses.includes(429), `${statuses}`)
    assert.equal(statuses.indexOf(429), 3)
  })
}
