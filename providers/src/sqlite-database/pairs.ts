// Owns: which table of the old schema is which of the new one, and by what their rows are recognised.
// Never: reads a row.
import { z } from 'zod'
import type { Table } from './read-schema.ts'
import { folded } from './sqlite-fault.ts'

const columnSchema = z.strictObject({ name: z.string(), default: z.string().nullable() })

const sideSchema = z.strictObject({
  name: z.string(),
  /** Columns that can be written. */
  columns: z.array(columnSchema),
  /** A name under which the row number can be read; null where there is none. */
  rowid: z.string().nullable(),
  /** A column is the row number. */
  numbered: z.boolean(),
})

export const pairSchema = z.strictObject({
  n: z.number(),
  before: sideSchema.nullable(),
  after: sideSchema.nullable(),
  /** For each column of `before`: its place in `after.columns`, null where it went. */
  from: z.array(z.number().nullable()),
  /** Key columns, as they are written in the two sides; types and collations are those of `after`. */
  key: z.array(z.strictObject({ before: z.string().nullable(), after: z.string(), type: z.string(), collation: z.string() })),
  /** `columns`: by primary key. `rowid`: by the hidden row number. `none`: rows cannot be told apart. */
  by: z.enum(['columns', 'rowid', 'none']),
  /** Rows were written or moved: there are images of both sides. */
  touched: z.boolean(),
  /** Images of all rows, not only of those that differ: the old schema may refuse what the new one took. */
  full: z.boolean(),
  /** The table was never made anew: its hidden row numbers are the same ones. */
  continuous: z.boolean(),
})

export type Pair = z.infer<typeof pairSchema>
export type PairSide = z.infer<typeof sideSchema>

/** Where a table of now comes from. */
export interface Line {
  /** Folded name of the table before; null for a new one. */
  readonly origin: string | null
  /** Folded column of now → folded column before; null for a new one. */
  readonly columns: Map<string, string | null>
}

export function sideOf(table: Table): PairSide {
  const columns = table.columns.filter(({ generated }) => !generated).map(({ name, default: text }) => ({ name, default: text }))
  return { name: table.name, columns, rowid: table.rowid, numbered: table.numbered }
}

/** Columns of `after` that have no column in `before`, by place. */
export function extraOf(pair: Pair): readonly number[] {
  if (pair.after === null) return []
  return pair.after.columns.flatMap((_, place) => (pair.from.includes(place) ? [] : [place]))
}

/** Places of columns of `before` that went. */
export function lostOf(pair: Pair): readonly number[] {
  return pair.from.flatMap((place, at) => (place === null ? [at] : []))
}

export interface Draft {
  readonly before: Table | null
  readonly after: Table | null
  readonly line: Line | null
}

/** Joins what became of each table. A table made anew under an old name continues it, as the usual recipe for big changes does. */
export function matchTables(
  before: ReadonlyMap<string, Table>,
  after: ReadonlyMap<string, Table>,
  lines: ReadonlyMap<string, Line>,
): readonly Draft[] {
  const drafts: Draft[] = []
  const used = new Set<string>()
  for (const [name, table] of before) {
    const now = [...lines].find(([key, { origin }]) => origin === name && after.has(key))
    const same = now?.[0] ?? (after.has(name) && (lines.get(name)?.origin ?? null) === null ? name : null)
    if (same !== null) used.add(same)
    drafts.push({ before: table, after: same === null ? null : (after.get(same) ?? null), line: now?.[1] ?? null })
  }
  for (const [name, table] of after) if (!used.has(name)) drafts.push({ before: null, after: table, line: null })
  return drafts
}

/** The pair of a draft. `line` null with both sides: made anew, columns are matched by name. */
export function pairOf(n: number, { before, after, line }: Draft, touched: boolean, full: boolean): Pair {
  const sides = { before: before === null ? null : sideOf(before), after: after === null ? null : sideOf(after) }
  const originOf = (column: string): string | null => (line === null ? folded(column) : (line.columns.get(folded(column)) ?? null))
  const from = (sides.before?.columns ?? []).map(({ name }) => {
    const place = sides.after?.columns.findIndex((column) => originOf(column.name) === folded(name)) ?? -1
    return place === -1 ? null : place
  })
  return { n, ...sides, from, ...keyOf(before, after, originOf, line !== null), touched, full, continuous: line !== null }
}

function keyOf(
  before: Table | null,
  after: Table | null,
  originOf: (column: string) => string | null,
  continuous: boolean,
): Pick<Pair, 'key' | 'by'> {
  if (after === null) return { key: [], by: 'none' }
  const typed = (name: string, collation: string, old: string | null) => ({
    before: old,
    after: name,
    type: after.columns.find((column) => column.name === name)?.affinity ?? '',
    collation,
  })
  if (before === null) {
    if (after.key.length > 0) return { key: after.key.map(({ name, collation }) => typed(name, collation, null)), by: 'columns' }
    return after.rowid === null ? { key: [], by: 'none' } : { key: [], by: 'rowid' }
  }
  const key = before.key.map((old) => {
    const column = after.columns.find(({ name }) => originOf(name) === folded(old.name))
    const collation = after.key.find(({ name }) => name === column?.name)?.collation ?? old.collation
    return column === undefined ? null : typed(column.name, collation, old.name)
  })
  if (key.length > 0 && key.every((part) => part !== null))
    return { key: key.flatMap((part) => (part === null ? [] : [part])), by: 'columns' }
  if (before.rowid !== null && after.rowid !== null && (continuous || before.key.length === 0)) return { key: [], by: 'rowid' }
  return { key: [], by: 'none' }
}
