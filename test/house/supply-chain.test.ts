import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { root } from './sources.ts'

interface Locked {
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
}

const folder = join(root, '.github', 'workflows')
const workflows = readdirSync(folder).map((name) => ({
  name,
  text: readFileSync(join(folder, name), 'utf8'),
}))

describe('the packages that users install', () => {
  test('run no install script, neither mintring nor its dependencies', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare']
    assert.deepEqual(
      hooks.filter((hook) => hook in manifest.scripts),
      [],
    )
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
    const all = Object.entries(lock.packages as Record<string, Locked>)
    const ours = all.filter(([path, locked]) => path !== '' && !locked.dev)
    assert.ok(ours.length >= 2)
    assert.deepEqual(
      ours.filter(([, locked]) => locked.hasInstallScript),
      [],
    )
  })
})

describe('the CI workflows', () => {
  test('have read permission only, unless a job asks for more', () => {
    for (const { name, text } of workflows) {
      assert.match(text, /^permissions:\n {2}contents: read$/m, name)
    }
  })

  test('pin a version of every action, and keep no token in the clone', () => {
    for (const { name, text } of workflows) {
      const actions = [...text.matchAll(/uses: (\S+)/g)].map((match) => match[1] ?? '')
      const others = actions.filter((action) => !action.startsWith('./'))
      for (const action of others) assert.match(action, /^actions\/[\w-]+@v\d+$/, name)
      const clones = text.match(/uses: actions\/checkout@/g)?.length ?? 0
      assert.equal(text.match(/persist-credentials: false/g)?.length ?? 0, clones, name)
    }
  })

  test('publish with provenance, only packages that CI has passed', () => {
    const publish = workflows.find(({ name }) => name === 'publish.yml')?.text ?? ''
    assert.match(publish, /uses: \.\/\.github\/workflows\/ci\.yml/)
    assert.match(publish, /needs: check/)
    assert.match(publish, /id-token: write/)
    assert.match(publish, /npm publish --provenance/)
    assert.match(publish, /npm sbom/)
    assert.match(publish, /npm audit --omit=dev/)
    assert.doesNotMatch(publish, /NPM_TOKEN|NODE_AUTH_TOKEN/)
  })

  test('test every Node version that package.json promises', () => {
    const ci = workflows.find(({ name }) => name === 'ci.yml')?.text ?? ''
    assert.match(ci, /node: \['20\.19', '22', '24', '26'\]/)
    assert.match(ci, /bash \.ci\/run/)
  })
})
