// A guide is listed under its first heading rather than its file name.
import { Converter } from 'typedoc'

export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, document) => {
    const title = /^# (.+)\n/.exec(document.content[0]?.text ?? '')?.[1]
    if (title !== undefined) document.name = title
  })
}
