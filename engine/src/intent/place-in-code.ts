// Owns: where in the text of a module a value of its stack is written, by the names of the keys that lead there.
// Never: is sure: what a function puts together stands nowhere. Then there is no place rather than a wrong one.
import { pointerOf } from './located.ts'
import type { Source, Span } from './located.ts'

const texts = new WeakMap<Source, Source>()

/** A source as text, for a module whose text is known; its own spans are offsets. */
export function codeOf(source: Source): Source | null {
  if (source.code === undefined) return null
  const known = texts.get(source) ?? { file: source.file, text: source.code, shown: true, root: null }
  texts.set(source, known)
  return known
}

/** The span where it is written; itself where it has a place already, or none that can be found. */
export function writtenSpan(span: Span): Span {
  const source = codeOf(span.source)
  const keys = source === null ? [] : (pointerOf(span) ?? '').split('/').slice(1)
  if (source === null || keys.length === 0) return span
  const text = source.text ?? ''
  let at = 0
  let found: Span | null = null
  for (const key of keys.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))) {
    if (/^\d+$/.test(key)) continue // an item of a list: it stands behind the key of the list
    const name = RegExp.escape(key)
    const pattern = new RegExp(String.raw`(?<![\w$.'"\`])(?:(['"\`])${name}\1|${name})(?=\s*:|\s*[,}])`, 'g')
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match === null) return span
    found = { source, start: match.index, end: pattern.lastIndex }
    at = pattern.lastIndex
  }
  return found ?? span
}
