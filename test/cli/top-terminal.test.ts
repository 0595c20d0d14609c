import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { neededCommand } from '../support/commands.ts'
import { type Memcached, realMemcached, startMemcached } from '../support/memcached.ts'
import { startTerminal } from '../support/terminal.ts'

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname
const address = ({ host, port }: Memcached): string => `${host}:${port}`

async function startFleet(context: TestContext) {
  const servers = await Promise.all([startMemcached(), startMemcached(), startMemcached()])
  const cache = new MemcachedClient(servers.map(address))
  let n = 0
  const load = setInterval(() => {
    for (let i = 0; i < 10; i++) void cache.get(`key:${n++ % 500}`).catch(() => undefined)
  }, 10)
  context.after(async () => {
    clearInterval(load)
    await cache.close()
    await Promise.all(servers.map((server) => server.stop()))
  })
  return servers
}

test('mintring top in a real terminal shows a host that dies and comes back, and quits', async (context) => {
  if (realMemcached(context) === undefined) return
  if (neededCommand(context, 'tmux') === undefined) return
  const servers = await startFleet(context)
  const [first] = servers.map(address)
  const addresses = servers.map(address).join(' ')
  const node = `${process.execPath} --import ./scripts/typescript.mjs`
  const top = `${node} ${MAIN} top -i 0.3 ${addresses}`
  const terminal = startTerminal(`${top}; echo left with $?; sleep 60`, 100, 20)
  context.after(() => terminal.end())

  await terminal.waitFor(/3 of 3 servers answer/)
  await terminal.waitFor(new RegExp(`^${first} +up +[1-9]`, 'm'))
  await servers[0]!.kill()
  await terminal.waitFor(/2 of 3 servers answer/)
  await terminal.waitFor(new RegExp(`^${first} +(ejected|probing)`, 'm'))
  const shown = await terminal.waitFor(new RegExp(`${first} was ejected`))
  assert.equal(shown.match(/^mintring top/gm)?.length, 1, 'it is one screen that is drawn again')
  await servers[0]!.restart()
  await terminal.waitFor(new RegExp(`${first} is back`))
  await terminal.waitFor(/3 of 3 servers answer/)

  terminal.press('q')
  const after = await terminal.waitFor(/left with 0/)
  assert.doesNotMatch(after, /mintring top/, 'the screen before is not given back')
})
