import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
// @ts-expect-error: a script has no declarations
import { dated, notesOf } from '../../scripts/release.mjs'

const CHANGELOG = '# Changelog\n\nNewest first.\n\n## Unreleased\n\n- b: was 1 → is 2\n'

describe('scripts/release.mjs', () => {
  test('dates the unreleased changes, and adds an empty section above them', () => {
    const first: string = dated(CHANGELOG, '0.1.0', '2026-11-26')
    assert.match(first, /## Unreleased\n\n## 0\.1\.0 \(2026-11-26\)\n\n- b/)
    const second: string = dated(
      first.replace('## Unreleased\n', '## Unreleased\n\n- c\n'),
      '0.2.0',
      '2026-12-01',
    )
    assert.equal(notesOf(second, '0.2.0'), '- c')
    assert.equal(notesOf(second, '0.1.0'), '- b: was 1 → is 2')
  })

  test('refuses a release without changes, an existing version, and notes of an unknown one', () => {
    const first: string = dated(CHANGELOG, '0.1.0', '2026-11-26')
    assert.throws(() => dated(first, '0.2.0', '2026-12-01'), /nothing under/)
    const more = first.replace('## Unreleased\n', '## Unreleased\n\n- c\n')
    assert.throws(() => dated(more, '0.1.0', '2026-12-01'), /0\.1\.0 already/)
    assert.throws(() => notesOf(first, '0.3.0'), /nothing of 0\.3\.0/)
  })
})
