// Owns: the way from one schema to another one that no migration leads to: statements from their difference.
// Never: looks at rows; invents what a column held.
import type { SqlWrites } from '@understudy/contract'
import { createObjects } from './put-objects.ts'
import { readTables } from './read-schema.ts'
import type { SchemaObject } from './read-schema.ts'
import type { Statement } from './sql-statements.ts'
import { normalSql } from './sql-tokens.ts'
import { folded, quoted } from './sqlite-fault.ts'

export interface Conversion {
  readonly statements: readonly Statement[]
  /** What `to` has and `from` does not: it comes without its data. */
  readonly losses: readonly string[]
}

/** `scratch` gives empty databases. */
export function convert(from: readonly SchemaObject[], to: readonly SchemaObject[], scratch: () => SqlWrites): Conversion {
  const sql: string[] = []
  const losses: string[] = []
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
  for (const object of from)
    if (object.type === 'index' && !(same(object) && tableSame(object.table))) sql.push(`DROP INDEX ${quoted(object.name)}`)
  for (const object of from) if (object.type === 'table' && !isThere(wants, object)) sql.push(`DROP TABLE ${quoted(object.name)}`)
  for (const object of to) {
    if (object.type !== 'table' || same(object)) continue
    const old = from.find(({ type, name }) => type === 'table' && folded(name) === folded(object.name))
    const [was, is] = [before.get(folded(object.name)), after.get(folded(object.name))]
    if (old === undefined || was === undefined || is === undefined) {
      if (old !== undefined) sql.push(`DROP TABLE ${quoted(old.name)}`)
      sql.push(object.sql)
      losses.push(`table ${object.name}: its rows of then`)
      continue
    }
    const aside = quoted(`understudy_old_${object.name}`)
    const known = new Set(was.columns.map(({ name }) => folded(name)))
    const writable = is.columns.filter(({ generated }) => !generated)
    const common = writable.filter(({ name }) => known.has(folded(name))).map(({ name }) => quoted(name))
    for (const { name } of writable) if (!known.has(folded(name))) losses.push(`table ${object.name}: column ${name} of its rows`)
    sql.push(`ALTER TABLE ${quoted(old.name)} RENAME TO ${aside}`, object.sql)
    if (common.length > 0) sql.push(`INSERT INTO ${quoted(object.name)}(${common.join(', ')}) SELECT ${common.join(', ')} FROM ${aside}`)
    sql.push(`DROP TABLE ${aside}`)
  }
  for (const type of ['index', 'view', 'trigger'] as const) {
    for (const object of to) {
      if (object.type === type && (type !== 'index' || !(same(object) && tableSame(object.table)))) sql.push(object.sql)
    }
  }
  return { statements: sql.map((text, at) => ({ sql: text, file: 'way back', line: at + 1 })), losses }
}

function tablesOf(objects: readonly SchemaObject[], scratch: () => SqlWrites): ReturnType<typeof readTables> {
  const db = scratch()
  try {
    createObjects(db, objects, 'all')
    return readTables(db)
  } finally {
    db.close()
  }
}
