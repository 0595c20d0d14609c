import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { root } from '../house/sources.ts'

/** A Markdown page: its path from the root and its text. */
export interface Page {
  readonly path: string
  readonly text: string
}

/** A fenced block: its language, the words after the language, its content and its line. */
export interface Block {
  readonly page: string
  readonly line: number
  readonly language: string
  readonly words: readonly string[]
  readonly code: string
}

/** README and similar files, and every page under docs/. */
export function readPages(): Page[] {
  const top = readdirSync(root).filter((name) => name.endsWith('.md'))
  return [...top, ...pagesUnder('docs')].map((path) => ({
    path,
    text: readFileSync(join(root, path), 'utf8'),
  }))
}

function pagesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name)
    const isMade = entry.name === 'node_modules' || path === 'docs/site'
    if (entry.isDirectory()) return isMade ? [] : pagesUnder(path)
    return entry.name.endsWith('.md') ? [path] : []
  })
}

/** The fenced blocks of a page, in order. */
export function blocksOf(page: Page): Block[] {
  const blocks: Block[] = []
  let open: { line: number; info: string; lines: string[] } | undefined
  page.text.split('\n').forEach((line, index) => {
    if (!line.startsWith('```')) open?.lines.push(line)
    else if (!open) open = { line: index + 1, info: line.slice(3).trim(), lines: [] }
    else {
      const [language = '', ...words] = open.info.split(/\s+/)
      const code = `${open.lines.join('\n')}\n`
      blocks.push({ page: page.path, line: open.line, language, words, code })
      open = undefined
    }
  })
  if (open) throw new Error(`${page.path}:${open.line} opens a block and never closes it`)
  return blocks
}

/** A page's text without its blocks, for checks of prose and links. */
export function proseOf(page: Page): string {
  return page.text.replace(/^```[\s\S]*?^```$/gm, '')
}

/** The anchors of a page, made from its headings as code hosts make them. */
export function anchorsOf(page: Page): Set<string> {
  const seen = new Map<string, number>()
  const anchors = new Set<string>()
  for (const [, heading = ''] of proseOf(page).matchAll(/^#+ +(.*)$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const slug = plain.replace(/[^\p{L}\p{N} _-]/gu, '').replace(/ /g, '-')
    const times = seen.get(slug) ?? 0
    seen.set(slug, times + 1)
    anchors.add(times === 0 ? slug : `${slug}-${times}`)
  }
  for (const [, id = ''] of page.text.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id)
  return anchors
}
