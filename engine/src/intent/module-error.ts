// Owns: where in a stack file that is a module an error of it is: Node's words about it, read.
// Never: repeats a stack trace.
import { stripTypeScriptTypes } from 'node:module'
import { pathToFileURL } from 'node:url'
import { lineStartsOf } from './located.ts'
import type { Source, Span } from './located.ts'

export interface ModulePlace {
  /** In the stack file itself; null where the error is not in it, or its place is not known. */
  readonly span: Span | null
  /** `FILE:LINE:COLUMN` in a module that it imports. */
  readonly elsewhere: string | null
}

export function placeInModule(thrown: unknown, source: Source): ModulePlace {
  const own = pathToFileURL(source.file).pathname
  const place = placeOfError(thrown) ?? (thrown instanceof SyntaxError ? placeOfSyntax(source) : null)
  if (place === null) return { span: null, elsewhere: null }
  if (place.path !== null && place.path !== own) {
    return { span: null, elsewhere: `${decodeURIComponent(place.path)}:${place.line}:${place.column}` }
  }
  const start = (lineStartsOf(source)[place.line - 1] ?? 0) + place.column - 1
  return { span: { source, start, end: start + 1 }, elsewhere: null }
}

interface Place {
  /** As in a URL; null: of what was asked about. */
  readonly path: string | null
  readonly line: number
  readonly column: number
}

/** What could not be parsed stands before the stack, with a caret; what was thrown, in it. */
function placeOfError(thrown: unknown): Place | null {
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : ''
  const head = /^(?:file:\/\/)?(\/[^\n]*?)(?:\?[^\n:]*)?:(\d+)\n/.exec(stack)
  if (head !== null) {
    const caret = stack.split('\n').find((line) => /^\s*\^+\s*$/.test(line)) ?? ''
    const path = head[1] ?? ''
    return {
      path: stack.startsWith('file:') ? path : pathToFileURL(path).pathname,
      line: Number(head[2]),
      column: caret.indexOf('^') + 1 || 1,
    }
  }
  const frame = /\n\s+at [^\n]*?file:\/\/(\/[^\n?]*?)(?:\?[^\n:]*)?:(\d+):(\d+)\)?(?=\n|$)/.exec(stack)
  return frame === null ? null : { path: frame[1] ?? '', line: Number(frame[2]), column: Number(frame[3]) }
}

/** Node does not say where JavaScript cannot be parsed; its parser of TypeScript does, and takes both. */
function placeOfSyntax({ text }: Source): Place | null {
  try {
    stripTypeScriptTypes(text ?? '')
    return null
  } catch (thrown) {
    const stack = thrown instanceof Error ? (thrown.stack ?? '') : ''
    const line = /^[^\n]*?:(\d+)\n/.exec(stack)?.[1]
    const caret = stack.split('\n').find((row) => /^\s*\^+\s*$/.test(row)) ?? ''
    return line === undefined ? null : { path: null, line: Number(line), column: caret.indexOf('^') + 1 || 1 }
  }
}
