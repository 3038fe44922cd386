// Owns: values as they were written: a tree in which each node and key knows its file and place.
// Never: reads a file, never holds a prototype or a function.

/** A file that was read. `text` is null for a module, whose values have no place. `shown`: may be quoted in errors. */
export interface Source {
  readonly file: string
  readonly text: string | null
  readonly shown: boolean
  /** Text of a module. */
  readonly code?: string
  /** Set once it is parsed; leads from a span to its JSON pointer. */
  root: Tree | null
}

/** A piece of a file, in UTF-16 code units; `end` is behind it. In a module `start` only gives the order. */
export interface Span {
  readonly source: Source
  readonly start: number
  readonly end: number
}

export type Scalar = null | boolean | number | string

export interface Leaf {
  readonly type: 'leaf'
  readonly span: Span
  readonly value: Scalar
}

export interface List {
  readonly type: 'list'
  readonly span: Span
  readonly items: readonly Tree[]
}

export interface Member {
  readonly key: Span
  readonly value: Tree
}

export interface Mapping {
  readonly type: 'map'
  readonly span: Span
  readonly members: ReadonlyMap<string, Member>
}

/** What would stand here hangs on something that has been complained about already; nobody complains of it again. */
export interface Unknown {
  readonly type: 'unknown'
  readonly span: Span
}

export type Tree = Leaf | List | Mapping | Unknown

/** What a node is, as people call it. */
export function nameOfType(tree: Tree): string {
  if (tree.type === 'map') return 'a mapping'
  if (tree.type === 'list') return 'a list'
  if (tree.type === 'unknown') return 'unknown'
  return tree.value === null ? 'nothing (null)' : `a ${typeof tree.value}`
}

/** The member of a mapping, or undefined where there is none. */
export function memberOf(tree: Tree | undefined, key: string): Tree | undefined {
  return tree?.type === 'map' ? tree.members.get(key)?.value : undefined
}

/** JSON pointer (RFC 6901) of a span in the file it stands in; a key has its value's. Null when it is not there. */
export function pointerOf(span: Span): string | null {
  const find = (tree: Tree, path: string): string | null => {
    if (tree.span === span) return path
    // What the node does not reach around cannot be in it (what an alias repeats is found where it was written).
    if (span.source.text !== null && (span.start < tree.span.start || span.start > tree.span.end)) return null
    if (tree.type === 'list') {
      for (const [index, item] of tree.items.entries()) {
        const found = find(item, `${path}/${index}`)
        if (found !== null) return found
      }
    }
    if (tree.type === 'map') {
      for (const [key, { key: keySpan, value }] of tree.members) {
        const here = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
        if (keySpan === span) return here
        const found = find(value, here)
        if (found !== null) return found
      }
    }
    return null
  }
  return span.source.root === null ? null : find(span.source.root, '')
}

export interface Place {
  readonly line: number
  readonly column: number
}

/** Line and column, both from 1; null in a module. */
export function placeOf({ source, start }: Span): Place | null {
  if (source.text === null) return null
  const lines = lineStartsOf(source)
  let low = 0
  let high = lines.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((lines[middle] ?? 0) <= start) low = middle
    else high = middle - 1
  }
  return { line: low + 1, column: start - (lines[low] ?? 0) + 1 }
}

/** `file:line:column`, or the file alone. */
export function placeText(span: Span): string {
  const place = placeOf(span)
  return place === null ? span.source.file : `${span.source.file}:${place.line}:${place.column}`
}

const starts = new WeakMap<Source, readonly number[]>()

/** Offsets at which the lines of a file start; found once. */
export function lineStartsOf(source: Source): readonly number[] {
  const known = starts.get(source)
  if (known !== undefined) return known
  const text = source.text ?? ''
  const found = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) found.push(at + 1)
  starts.set(source, found)
  return found
}
