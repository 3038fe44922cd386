// Owns: the lines of a file around a place, with a caret under it, fit for a terminal.
// Never: lets a control character of the file through.
import { lineStartsOf, placeOf } from './located.ts'
import type { Span } from './located.ts'

const LINES_BEFORE = 2 // shows what the line belongs to
const LINES_AFTER = 1
const WIDTH_MAX = 100 // columns shown of one line: fits a terminal, also where a file is one line of 10 MB

/** Null where the file may not be quoted or has no text. */
export function snippetOf(span: Span): string | null {
  const { source } = span
  const place = placeOf(span)
  if (place === null || source.text === null || !source.shown) return null
  const starts = lineStartsOf(source)
  const first = Math.max(1, place.line - LINES_BEFORE)
  const last = Math.min(starts.length, place.line + LINES_AFTER)
  const from = place.column > WIDTH_MAX - 20 ? place.column - 40 : 0
  const gutter = String(last).length
  const rows: string[] = []
  for (let line = first; line <= last; line += 1) {
    const start = (starts[line - 1] ?? 0) + from
    const end = (starts[line] ?? source.text.length + 1) - 1
    const text = visible(source.text.slice(start, Math.max(start, Math.min(end, start + WIDTH_MAX))))
    if (line > place.line && text.trim() === '') continue
    rows.push(`${line === place.line ? '>' : ' '} ${String(line).padStart(gutter)} | ${text}`.trimEnd())
    if (line === place.line) {
      const room = Math.min(end, start + WIDTH_MAX) - span.start
      const carets = Math.max(1, Math.min(span.end - span.start, room))
      rows.push(`  ${' '.repeat(gutter)} | ${' '.repeat(place.column - 1 - from)}${'^'.repeat(carets)}`)
    }
  }
  return rows.join('\n')
}

/** Control characters, also those that turn text around, as one visible character each, so that columns stay true. */
export function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll('\t', ' ').replaceAll(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, '\u00b7')
}

const QUOTED_MAX = 60 // characters of a wrong value that are repeated

/** A value as an error repeats it: in quotes, short, without control characters. */
export function quoted(value: string): string {
  return JSON.stringify(visible(value.length > QUOTED_MAX ? `${value.slice(0, QUOTED_MAX)}…` : value))
}
