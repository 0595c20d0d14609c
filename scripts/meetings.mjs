// Combines every verb with every event, prints the cells that break a law, and exits with 1 if any:
// node --import ./scripts/typescript.mjs scripts/meetings.mjs [--hosts 1,3] [--event TEXT]
//   [--verb TEXT] [--pointless] [--variant usual|handover|lone|memcached]
import process from 'node:process'
import { parseArgs } from 'node:util'
import { runTable } from '../test/meetings/table.ts'
import { VARIANTS } from '../test/meetings/variants.ts'

const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '1,3' },
    event: { type: 'string', default: '' },
    verb: { type: 'string', default: '' },
    pointless: { type: 'boolean', default: false },
    variant: { type: 'string', default: 'usual' },
  },
})
const startMs = performance.now()
let broken = 0
let cells = 0
const hosts = values.hosts.split(',').map(Number)
const wants = (event, verb) => event.includes(values.event) && verb.includes(values.verb)
for await (const cell of runTable({ hosts, wants, variant: VARIANTS[values.variant] })) {
  const name = `${cell.event} | ${cell.verb} | ${cell.hosts} hosts`
  if (cell.pointless !== undefined) {
    if (values.pointless) console.log(`makes no sense: ${name}: ${cell.pointless}`)
    continue
  }
  cells++
  if (cell.faults.length > 0) broken++
  for (const fault of cell.faults) console.log(`${name} | ${fault}`)
}
const seconds = Math.round((performance.now() - startMs) / 1000)
console.log(`${cells} cells, ${broken} break a law, in ${seconds} s`)
process.exit(broken === 0 ? 0 : 1)
