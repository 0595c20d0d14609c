// A guide is listed under its first heading rather than its file name, and beside the guides that
// docs/README.md puts in the same section.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { Converter } from 'typedoc'

export function load(app) {
  const sections = sectionsOf(readFileSync(new URL('README.md', import.meta.url), 'utf8'))
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, document) => {
    document.frontmatter.group = sections.get(basename(document.name)) ?? 'Begin'
    const text = document.content.map((part) => part.text).join('')
    const title = /^# (.+)\n/.exec(text)?.[1]
    if (title !== undefined) document.name = title.replaceAll('`', '')
  })
}

/** The section of each guide that the overview links to, by its file name. */
function sectionsOf(overview) {
  return new Map(
    overview
      .split(/^## /m)
      .slice(1)
      .flatMap((section) => {
        const name = section.slice(0, section.indexOf('\n'))
        return [...section.matchAll(/\]\((?:migrating\/)?([\w-]+)\.md\)/g)].map(([, file]) => [
          file,
          name,
        ])
      }),
  )
}
