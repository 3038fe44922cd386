// Owns: the table of migrations that were applied, in the database itself, each with its text; and what stood there before the first.
// Never: is part of the schema that states compare.
import type { SqlReads, SqlWrites } from '@understudy/contract'
import { hasOwn } from './change-row.ts'
import type { Migration } from './migrations.ts'
import { objectsSchema } from './read-schema.ts'
import type { SchemaObject } from './read-schema.ts'
import { OURS } from './sql-statements.ts'

const TABLE = `${OURS}migrations`

export function readApplied(db: SqlReads): readonly Migration[] {
  if (!hasOwn(db, 'migrations')) return []
  return db.all(`SELECT name, sql FROM ${TABLE} WHERE n > 0 ORDER BY n`).map(({ name, sql }) => ({ name: String(name), sql: String(sql) }))
}

/** The schema that was there before the first migration; null where no migration was applied yet. */
export function readBaseline(db: SqlReads): readonly SchemaObject[] | null {
  if (!hasOwn(db, 'migrations')) return null
  const row = db.all(`SELECT sql FROM ${TABLE} WHERE n = 0`)[0]
  return row === undefined ? [] : objectsSchema.parse(JSON.parse(String(row['sql'])))
}

/** Makes the table say exactly this. None: no table. `baseline` is kept as it is once it is there. */
export function writeApplied(db: SqlWrites, migrations: readonly Migration[], baseline: readonly SchemaObject[], at: number): void {
  if (migrations.length === 0) {
    db.run(`DROP TABLE IF EXISTS ${TABLE}`)
    return
  }
  const time = new Date(at).toISOString()
  const before = readBaseline(db) ?? baseline
  db.run(`CREATE TABLE IF NOT EXISTS ${TABLE}(n INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, sql TEXT NOT NULL, at TEXT NOT NULL)`)
  if (before.length > 0) db.run(`INSERT OR IGNORE INTO ${TABLE} VALUES (0, '', ?, ?)`, JSON.stringify(before), time)
  const had = readApplied(db)
  let same = 0
  while (same < had.length && had[same]?.name === migrations[same]?.name && had[same]?.sql === migrations[same]?.sql) same += 1
  db.run(`DELETE FROM ${TABLE} WHERE n > ?`, same)
  for (const [place, { name, sql }] of migrations.entries()) {
    if (place >= same) db.run(`INSERT INTO ${TABLE} VALUES (?, ?, ?, ?)`, place + 1, name, sql, time)
  }
}
