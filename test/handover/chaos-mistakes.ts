import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import type { MemcachedClient } from '../../src/client/client.ts'

/** Lets the clocks of processes differ by up to 2 s. */
const SKEW = [
  'hosts/handover-clock.ts',
  'performance.now() + state.leftMs',
  'performance.now() + state.leftMs + 2_000 * (Math.random() - 0.5)',
] as const

/** Reads the item in a process that is slow afterwards. */
const SLOW_PEEK =
  'const item = await key.peek()\n    await new Promise((wake) => setTimeout(wake, 50))'

/** Lets processes be slow between two commands of a change. */
const SLOW_STEPS = [
  'hosts/moved-key.ts',
  'for (const { at, act } of plan) {',
  `for (const { at, act } of plan) {
    await new Promise((wake) => setTimeout(wake, 50 * Math.random()))`,
] as const

/** Mistakes that have to be found: a piece of a source file, and its replacement. */
const MISTAKES: Readonly<Record<string, readonly (readonly [string, string, string])[]>> = {
  none: [],
  'none, clocks differ': [SKEW],
  'no settle, clocks differ': [
    SKEW,
    ['ring/transition.ts', 'return Math.min(SETTLE_MS, handoverMs / 2)', 'return 0'],
  ],
  'none, slow steps': [SLOW_STEPS],
  'reversed order': [
    SLOW_STEPS,
    ['ring/transition.ts', "[previous('run'), next('run')]", "[next('run'), previous('run')]"],
    [
      'ring/transition.ts',
      "[previous('delete'), next('run')]",
      "[next('run'), previous('delete')]",
    ],
    [
      'ring/transition.ts',
      "[previous('run'), next('delete')]",
      "[next('delete'), previous('run')]",
    ],
  ],
  'unguarded copy': [
    ['hosts/moved-key.ts', '      const item = await key.peek()\n      if', '      if'],
    ['hosts/moved-key.ts', 'const elected', `${SLOW_PEEK}\n    const elected`],
  ],
  'new home only': [
    ['ring/transition.ts', "[previous('delete'), next('run')]", "[next('run')]"],
    ['ring/transition.ts', "alter: [next('copy'), previous('delete')", "alter: [next('copy')"],
    [
      'ring/transition.ts',
      'remove: BOTH,\n    alter: [next(',
      "remove: [next('run')],\n    alter: [next(",
    ],
  ],
  'no announce': [['ring/transition.ts', "return 'announce'", "return 'move'"]],
  'phase by process start': [
    ['hosts/handover-mark.ts', 'wireKeyOf(to.text)', 'wireKeyOf(to.text + this.#id)'],
  ],
  'no clearing': [
    ['hosts/leftovers.ts', 'return this.#clear.has(host)', 'return this.#clear !== undefined'],
  ],
  'new list alone': [
    ['hosts/handovers.ts', 'if (this.#joining === undefined', 'if (this.#marks !== undefined'],
  ],
  // The mistakes of test/hosts/chaos.ts.
  'copies kept': [
    [
      'hosts/recovery.ts',
      'return handed === undefined ? this.#clear(key) : handed.then(() => this.#clear(key))',
      'return handed',
    ],
  ],
  'starters unaware': [['hosts/missed-counts.ts', 'this.#onAway(home, standIn)\n    })', '})']],
  'old list alone': [
    [
      'hosts/handovers.ts',
      'const known = this.#known(mark.next)',
      'const known = mark.id === "" ? this.#known(mark.next) : undefined',
    ],
  ],
}

export type MakeClient = (servers: readonly string[], behaviors: BehaviorsInput) => MemcachedClient

/** A client made from a copy of the source with a mistake in it. */
export async function clientWith(name: string): Promise<{ make: MakeClient; remove: () => void }> {
  const edits = MISTAKES[name]
  if (edits === undefined) throw new Error(`There is no mistake '${name}'`)
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const copy = mkdtempSync(join(tmpdir(), 'mintring-chaos-'))
  cpSync(join(root, 'src'), join(copy, 'src'), { recursive: true })
  cpSync(join(root, 'package.json'), join(copy, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  for (const [file, from, to] of edits) {
    const path = join(copy, 'src', file)
    const text = readFileSync(path, 'utf8')
    if (!text.includes(from)) throw new Error(`${file} does not say '${from}'`)
    writeFileSync(path, text.replace(from, to))
  }
  const module = await import(pathToFileURL(join(copy, 'src/client/client.ts')).href)
  return {
    make: (servers, behaviors) => new module.MemcachedClient(servers, behaviors),
    remove: () => rmSync(copy, { recursive: true }),
  }
}
