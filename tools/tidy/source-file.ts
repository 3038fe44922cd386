// Owns: one file of the repository with what the rules ask about it: its lines, its kind, its syntax tree, its imports.
// Never: reads the disk; so that a rule can be shown failing on a sample in memory.

import { parseSync, type ParseResult, Visitor, type VisitorObject } from 'rolldown/utils'

/** What is walked by tools/tidy.ts or written down by a test. The path is relative to the root, with `/`. */
export interface TextFile {
  readonly path: string
  readonly text: string
}

export interface Import {
  /** As written: `./a.ts`, `node:fs`, `@understudy/contract`. */
  readonly specifier: string
  readonly line: number
}

/** A file of TypeScript or JavaScript, parsed once. */
export interface SourceFile extends TextFile {
  readonly isTest: boolean
  readonly imports: readonly Import[]
  /** Names this file exports, `default` among them; re-exports under their outer name. */
  readonly exports: readonly { readonly name: string; readonly line: number }[]
  readonly comments: readonly { readonly text: string; readonly line: number }[]
  /** Message of the first syntax error. */
  readonly syntaxError: string | null
  lineAt(offset: number): number
  visit(visitor: VisitorObject): void
}

export function isSource(path: string): boolean {
  return /\.(ts|tsx|mts|mjs|js)$/.test(path)
}

export function parse(file: TextFile): SourceFile {
  const { path, text } = file
  const parsed = parseSync(path, text)
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  const lineAt = (offset: number): number => {
    const after = starts.findIndex((start) => start > offset)
    return after === -1 ? starts.length : after
  }
  return {
    path,
    text,
    isTest: /\.test\.tsx?$/.test(path) || path.startsWith('tests/'),
    imports: importsOf(text, parsed, lineAt),
    exports: exportsOf(parsed, lineAt),
    comments: parsed.comments.map((comment) => ({ text: comment.value, line: lineAt(comment.start) })),
    syntaxError: parsed.errors[0]?.message ?? null,
    lineAt,
    visit: (visitor) => new Visitor(visitor).visit(parsed.program),
  }
}

function importsOf(text: string, parsed: ParseResult, lineAt: (offset: number) => number): Import[] {
  const found: Import[] = []
  const add = (specifier: string, offset: number): void => void found.push({ specifier, line: lineAt(offset) })
  for (const { moduleRequest, start } of parsed.module.staticImports) add(moduleRequest.value, start)
  for (const { entries, start } of parsed.module.staticExports) {
    const from = entries.find((entry) => entry.moduleRequest)?.moduleRequest
    if (from) add(from.value, start)
  }
  for (const { moduleRequest } of parsed.module.dynamicImports) {
    const literal = /^(['"`])([^'"`$]+)\1$/.exec(text.slice(moduleRequest.start, moduleRequest.end))
    if (literal?.[2]) add(literal[2], moduleRequest.start)
  }
  new Visitor({
    TSImportType: (node) => add(node.source.value, node.start),
  }).visit(parsed.program)
  return found
}

function exportsOf(parsed: ParseResult, lineAt: (offset: number) => number): { name: string; line: number }[] {
  return parsed.module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ exportName, start }) => {
      if (exportName.kind === 'None') return []
      return [{ name: exportName.kind === 'Default' ? 'default' : (exportName.name ?? ''), line: lineAt(start) }]
    }),
  )
}
