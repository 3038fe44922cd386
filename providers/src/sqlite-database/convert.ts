// Owns: the way from one schema to another one that no migration leads to: statements from their difference.
// Never: looks at rows; invents what a column held.
import type { SqlWrites } from '@understudy/contract'
import type { Pair } from './pairs.ts'
import { createObjects } from './put-objects.ts'
import { readTables } from './read-schema.ts'
import type { SchemaObject } from './read-schema.ts'
import { DERIVED } from './sql-statements.ts'
import type { Statement } from './sql-statements.ts'
import { nameOf, normalSql, tokensOf } from './sql-tokens.ts'
import { folded, quoted } from './sqlite-fault.ts'

export interface Conversion {
  readonly statements: readonly Statement[]
  /** What `to` has and `from` does not: it comes without its data. */
  readonly losses: readonly string[]
}

/** By folded name of a table of `to`: which of `from` it is, and which of its columns each one is. */
export type Lineage = ReadonlyMap<string, { readonly table: string; readonly columns: ReadonlyMap<string, string> }>

/** `pairs` are of migrations that lead from `to` to `from`: what was renamed on that way is not guessed. */
export function lineageOf(pairs: readonly Pair[]): Lineage {
  return new Map(
    pairs.flatMap(({ before, after, from }) => {
      if (before === null || after === null) return []
      const columns = before.columns.flatMap(({ name }, at): [string, string][] => {
        const now = after.columns[from[at] ?? -1]
        return now === undefined ? [] : [[folded(name), now.name]]
      })
      return [[folded(before.name), { table: folded(after.name), columns: new Map(columns) }]]
    }),
  )
}

/** `scratch` gives empty databases. */
export function convert(
  live: readonly SchemaObject[],
  to: readonly SchemaObject[],
  lineage: Lineage,
  scratch: () => SqlWrites,
): Conversion {
  const sql: string[] = []
  const losses: string[] = []
  // A new table that took the name of a renamed one is not that one.
  const known = new Set([...lineage.values()].map(({ table }) => table))
  const strange = (name: string): boolean => (lineage.get(folded(name))?.table ?? folded(name)) !== folded(name) && !known.has(folded(name))
  const from = live.filter(({ table, type }) => type === 'trigger' || type === 'view' || !strange(table))
  const texts = (objects: readonly SchemaObject[]): Map<string, string> =>
    new Map(objects.map((object) => [`${object.type} ${folded(object.name)}`, normalSql(object.sql)]))
  const [had, wants] = [texts(from), texts(to)]
  const same = ({ type, name }: SchemaObject): boolean => had.get(`${type} ${folded(name)}`) === wants.get(`${type} ${folded(name)}`)
  const isThere = (map: Map<string, string>, { type, name }: SchemaObject): boolean => map.has(`${type} ${folded(name)}`)
  const tableSame = (name: string): boolean => had.get(`table ${folded(name)}`) === wants.get(`table ${folded(name)}`)
  const [before, after] = [tablesOf(from, scratch), tablesOf(to, scratch)]

  for (const type of ['trigger', 'view'] as const) {
    for (const object of from) if (object.type === type) sql.push(`DROP ${type.toUpperCase()} ${quoted(object.name)}`)
  }
  for (const object of live) if (object.type === 'table' && strange(object.name)) sql.push(`DROP TABLE ${quoted(object.name)}`)
  for (const object of from)
    if (object.type === 'index' && !(same(object) && tableSame(object.table))) sql.push(`DROP INDEX ${quoted(object.name)}`)
  const renamed = new Map<SchemaObject, SchemaObject>()
  for (const object of to) {
    const origin = lineage.get(folded(object.name))?.table
    const old = from.find(({ type, name }) => type === 'table' && folded(name) === origin)
    if (object.type === 'table' && old !== undefined && !isThere(had, object) && !isThere(wants, old)) renamed.set(old, object)
  }
  for (const object of from) {
    if (object.type !== 'table' || isThere(wants, object)) continue
    const now = renamed.get(object)
    sql.push(now === undefined ? `DROP TABLE ${quoted(object.name)}` : `ALTER TABLE ${quoted(object.name)} RENAME TO ${quoted(now.name)}`)
  }
  for (const object of to) {
    if (object.type !== 'table' || same(object)) continue
    const other = from.find((one) => renamed.get(one) === object)
    if (other !== undefined && textAs(other, object.name) === wants.get(`table ${folded(object.name)}`)) continue
    const namesake = from.find(({ type, name }) => type === 'table' && folded(name) === folded(object.name))
    const old = other === undefined ? namesake : { ...other, name: object.name }
    const [was, is] = [before.get(folded(other?.name ?? object.name)), after.get(folded(object.name))]
    if (old === undefined || was === undefined || is === undefined) {
      if (old !== undefined) sql.push(`DROP TABLE ${quoted(old.name)}`)
      sql.push(object.sql)
      losses.push(`table ${object.name}: its rows of then`)
      continue
    }
    const aside = quoted(`understudy_old_${object.name}`)
    const namesakes = new Map(was.columns.map(({ name }) => [folded(name), name]))
    const origin = lineage.get(folded(object.name))
    const line = origin?.table === folded(was.name) ? origin.columns : undefined
    const common: string[] = []
    const sources: string[] = []
    for (const { name, generated } of is.columns) {
      if (generated) continue
      const source = line?.get(folded(name)) ?? (line === undefined || !isTaken(line, name) ? namesakes.get(folded(name)) : undefined)
      if (source === undefined) losses.push(`table ${object.name}: column ${name} of its rows`)
      else {
        common.push(quoted(name))
        sources.push(quoted(source))
      }
    }
    sql.push(`ALTER TABLE ${quoted(old.name)} RENAME TO ${aside}`, object.sql)
    if (common.length > 0) sql.push(`INSERT INTO ${quoted(object.name)}(${common.join(', ')}) SELECT ${sources.join(', ')} FROM ${aside}`)
    sql.push(`DROP TABLE ${aside}`)
  }
  for (const type of ['index', 'view', 'trigger'] as const) {
    for (const object of to) {
      if (object.type === type && (type !== 'index' || !(same(object) && tableSame(object.table)))) sql.push(object.sql)
    }
  }
  return { statements: sql.map((text, at) => ({ sql: text, file: DERIVED, line: at + 1 })), losses }
}

/** True if the column of now that has this name is another one of then. */
function isTaken(line: ReadonlyMap<string, string>, name: string): boolean {
  return [...line.values()].some((now) => folded(now) === folded(name))
}

/** What `ALTER TABLE … RENAME TO` makes of a table's text, where what refers to it is left alone. */
function textAs({ sql, name }: SchemaObject, now: string): string {
  const token = tokensOf(sql)[2]
  return token === undefined || nameOf(token) !== name
    ? ''
    : normalSql(sql.slice(0, token.at) + quoted(now) + sql.slice(token.at + token.text.length))
}

export function tablesOf(objects: readonly SchemaObject[], scratch: () => SqlWrites): ReturnType<typeof readTables> {
  const db = scratch()
  try {
    createObjects(db, objects, 'all')
    return readTables(db)
  } finally {
    db.close()
  }
}
