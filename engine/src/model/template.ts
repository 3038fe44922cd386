// Owns: the syntax of references in text: `${name.output}`, and `$${` for a plain `${`.
// Never: knows what a name stands for.

export interface Reference {
  readonly name: string
  readonly output: string
}

export type TemplatePart = string | Reference

export type Template =
  | { readonly ok: true; readonly parts: readonly TemplatePart[] }
  | { readonly ok: false; readonly problem: string; readonly at: string }

const reference = /^\s*([A-Za-z][A-Za-z0-9_-]*)\.([A-Za-z_][A-Za-z0-9_-]*)\s*$/

/** The parts of a text in order; neighbouring plain text is one part. */
export function parseTemplate(text: string): Template {
  if (!text.includes('${')) return { ok: true, parts: text === '' ? [] : [text] }
  const parts: TemplatePart[] = []
  let plain = ''
  let at = 0
  while (at < text.length) {
    const next = text.indexOf('$', at)
    if (next === -1) break
    plain += text.slice(at, next)
    if (text.startsWith('$${', next)) {
      plain += '${'
      at = next + 3
    } else if (text.startsWith('${', next)) {
      const end = text.indexOf('}', next)
      const inner = text.slice(next + 2, end === -1 ? undefined : end)
      const [, name, output] = reference.exec(inner) ?? []
      if (end === -1) return { ok: false, problem: 'the } is missing', at: text.slice(next) }
      if (name === undefined || output === undefined) return { ok: false, problem: 'it is not NAME.OUTPUT', at: text.slice(next, end + 1) }
      if (plain !== '') parts.push(plain)
      plain = ''
      parts.push({ name, output })
      at = end + 1
    } else {
      plain += '$'
      at = next + 1
    }
  }
  plain += text.slice(at)
  if (plain !== '') parts.push(plain)
  return { ok: true, parts }
}

/** Text that stands for itself: `parseTemplate` gives it back as one part. */
export function escapeTemplate(text: string): string {
  return text.replaceAll('${', '$$${')
}
