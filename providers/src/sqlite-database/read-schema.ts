// Owns: what stands in a database besides rows: its objects, and the shape of its tables.
// Never: sees our own tables, or those that SQLite and its virtual tables keep for themselves.
import { canonical } from '@understudy/contract'
import type { SqlReads, SqlValue } from '@understudy/contract'
import { z } from 'zod'
import { OURS } from './sql-statements.ts'
import { normalSql } from './sql-tokens.ts'
import { folded, quoted } from './sqlite-fault.ts'

export interface SchemaObject {
  readonly type: 'table' | 'index' | 'trigger' | 'view'
  readonly name: string
  /** Of a trigger or an index: what it belongs to. */
  readonly table: string
  readonly sql: string
}

export const objectsSchema = z.array(
  z.strictObject({ type: z.enum(['table', 'index', 'trigger', 'view']), name: z.string(), table: z.string(), sql: z.string() }),
)

/** As written, in the order in which they were made. */
export function readSchema(db: SqlReads): readonly SchemaObject[] {
  const shadows = new Set(db.all(`SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'`).map(({ name }) => name))
  const rows = db.all('SELECT type, name, tbl_name AS "table", sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid')
  return objectsSchema.parse(rows.map((row) => ({ ...row }))).filter(({ name, table }) => {
    const own = folded(table)
    return !own.startsWith('sqlite_') && !folded(name).startsWith('sqlite_') && !own.startsWith(OURS) && !shadows.has(table)
  })
}

/** Without what makes no difference, in one order: equal if and only if the schemas mean the same. */
export function normalSchema(objects: readonly SchemaObject[]): readonly SchemaObject[] {
  return objects
    .map((object) => ({ ...object, sql: normalSql(object.sql) }))
    .toSorted((a, b) => (`${a.type} ${a.name}` < `${b.type} ${b.name}` ? -1 : 1))
}

export function schemaBytes(objects: readonly SchemaObject[]): Uint8Array {
  return Buffer.from(canonical(normalSchema(objects).map((object) => ({ ...object }))), 'utf8')
}

export function parseSchema(bytes: Uint8Array): readonly SchemaObject[] {
  return objectsSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
}

export function isVirtual({ type, sql }: SchemaObject): boolean {
  return type === 'table' && /^\s*CREATE\s+VIRTUAL\b/i.test(sql)
}

/** Names of objects that are not the same in both. */
export function differingObjects(a: readonly SchemaObject[], b: readonly SchemaObject[]): readonly string[] {
  const text = (objects: readonly SchemaObject[]): Map<string, string> =>
    new Map(normalSchema(objects).map(({ type, name, sql }) => [`${type} ${name}`, sql]))
  const [left, right] = [text(a), text(b)]
  return [...new Set([...left.keys(), ...right.keys()])].filter((name) => left.get(name) !== right.get(name))
}

export interface Column {
  readonly name: string
  /** As a type name of our own: INTEGER, REAL, NUMERIC, TEXT, or nothing at all. */
  readonly affinity: string
  readonly default: string | null
  /** Computed by SQLite: cannot be written. */
  readonly generated: boolean
}

export interface Table {
  readonly name: string
  readonly columns: readonly Column[]
  /** Columns of the primary key, with their collations; empty when there is none. */
  readonly key: readonly { readonly name: string; readonly collation: string }[]
  /** A name under which the row number can be read and written; null where there is none. */
  readonly rowid: string | null
  /** `INTEGER PRIMARY KEY`. */
  readonly numbered: boolean
  readonly withoutRowid: boolean
}

export const ROWID_NAMES = ['rowid', '_rowid_', 'oid'] as const

/** Null for what is no ordinary table. */
export function readTable(db: SqlReads, name: string): Table | null {
  const listed = db.all(`SELECT type, wr, strict FROM pragma_table_list WHERE schema = 'main' AND lower(name) = lower(?)`, name)[0]
  if (listed === undefined || listed['type'] !== 'table') return null
  const withoutRowid = listed['wr'] === 1
  const info = db.all(`PRAGMA main.table_xinfo(${quoted(name)})`)
  const columns = info.map((row) => ({
    name: textOf(row['name']),
    affinity: affinityOf(textOf(row['type']), listed['strict'] === 1),
    default: typeof row['dflt_value'] === 'string' ? row['dflt_value'] : null,
    generated: row['hidden'] === 2 || row['hidden'] === 3,
  }))
  const index = db.all(`PRAGMA main.index_list(${quoted(name)})`).find(({ origin }) => origin === 'pk')
  const collations = new Map(
    index === undefined
      ? []
      : db.all(`PRAGMA main.index_xinfo(${quoted(textOf(index['name']))})`).map((row) => [textOf(row['name']), textOf(row['coll'])]),
  )
  const key = info
    .filter(({ pk }) => pk !== 0)
    .toSorted((a, b) => Number(a['pk']) - Number(b['pk']))
    .map((row) => ({ name: textOf(row['name']), collation: collations.get(textOf(row['name'])) ?? 'BINARY' }))
  const taken = new Set(columns.map((column) => folded(column.name)))
  const numbered = !withoutRowid && key.length === 1 && index === undefined
  const rowid = withoutRowid ? null : (ROWID_NAMES.find((word) => !taken.has(word)) ?? null)
  return { name, columns, key, rowid, numbered, withoutRowid }
}

/** All ordinary tables of users, by folded name. */
export function readTables(db: SqlReads): ReadonlyMap<string, Table> {
  const tables = new Map<string, Table>()
  for (const object of readSchema(db)) {
    if (object.type !== 'table' || isVirtual(object)) continue
    const table = readTable(db, object.name)
    if (table !== null) tables.set(folded(object.name), table)
  }
  return tables
}

/** sqlite.org/datatype3.html, section 3.1; ANY of a strict table converts nothing. */
function affinityOf(type: string, strict: boolean): string {
  const word = type.toUpperCase()
  if (word.includes('INT')) return 'INTEGER'
  if (/CHAR|CLOB|TEXT/.test(word)) return 'TEXT'
  if (word.includes('BLOB') || word === '' || (strict && word === 'ANY')) return ''
  return /REAL|FLOA|DOUB/.test(word) ? 'REAL' : 'NUMERIC'
}

function textOf(value: SqlValue | undefined): string {
  return typeof value === 'string' ? value : ''
}
