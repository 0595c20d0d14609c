import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, test } from 'node:test'
import { root } from '../house/sources.ts'
import { anchorsOf, type Page, proseOf, readPages } from './pages.ts'

/** Broken links of a page: to a missing file or a missing heading. */
function brokenLinks(page: Page, pages: readonly Page[], exists: (path: string) => boolean) {
  const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)].map((m) => m[1] ?? '')
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false
    const [file = '', anchor] = link.split('#')
    const target = file ? posix.join(posix.dirname(page.path), file) : page.path
    if (!exists(target)) return true
    const other = pages.find((candidate) => candidate.path === target)
    return anchor !== undefined && other !== undefined && !anchorsOf(other).has(anchor)
  })
}

describe('the pages of the documentation', () => {
  const pages = readPages()

  test('are found: there are pages to check', () => {
    assert.ok(pages.some((page) => page.path === 'README.md'))
    assert.ok(pages.some((page) => page.path === 'docs/architecture.md'))
  })

  for (const page of pages) {
    test(`${page.path} links only to files and headings that exist`, () => {
      const broken = brokenLinks(page, pages, (path) => existsSync(join(root, path)))
      assert.deepEqual(broken, [])
    })
  }

  test('are all linked from the index of docs/', () => {
    const index = pages.find((page) => page.path === 'docs/README.md')
    const lost = pages
      .filter((page) => /^docs\/[^/]+\.md$/.test(page.path) && page !== index)
      .filter((page) => !index?.text.includes(`](${posix.basename(page.path)}`))
      .map((page) => page.path)
    assert.deepEqual(lost, [])
  })
})

describe('the link check of the docs', () => {
  const page = (path: string, text: string): Page => ({ path, text })

  test('finds a missing file and a missing heading, and accepts valid links', () => {
    const other = page('docs/b.md', '# Two `words`, here\n\n## Two words here\n')
    const text = '[a](b.md) [b](b.md#two-words-here-1) [c](gone.md) [d](b.md#gone) [e](https://x.y)'
    const broken = brokenLinks(page('docs/a.md', text), [other], (path) => path === 'docs/b.md')
    assert.deepEqual(broken, ['gone.md', 'b.md#gone'])
  })

  test('does not read links in code', () => {
    const text = '```ts\nfoo[a](gone)\n```\n'
    assert.deepEqual(
      brokenLinks(page('a.md', text), [], () => false),
      [],
    )
  })
})
