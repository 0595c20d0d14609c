import { parseServers } from '../../src/hosts/address.ts'
import { Cluster } from '../../src/hosts/cluster.ts'
import { PlainClient } from '../support/plain-verbs.ts'
import { QUICK } from '../support/test-cluster.ts'

/** Uses a live and a dead host, closes, and leaves nothing that keeps the process alive. */
async function main(): Promise<void> {
  const servers = parseServers([`127.0.0.1:${process.argv[2]}`, '127.0.0.1:1'])
  const client = new PlainClient(new Cluster(servers, QUICK))
  for (let i = 0; i < 50; i++) await client.get(`key${i}`)
  await new Promise((wake) => setTimeout(wake, 400))
  await client.cluster.close()
  console.log('closed')
}

await main()
