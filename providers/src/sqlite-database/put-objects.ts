// Owns: dropping and creating objects of a schema, by the difference of two schemas.
// Never: touches rows, or objects that both schemas have alike.
import type { SqlWrites } from '@understudy/contract'
import type { SchemaObject } from './read-schema.ts'
import { readSchema } from './read-schema.ts'
import { normalSql } from './sql-tokens.ts'
import { quoted } from './sqlite-fault.ts'

/** Drops what `to` does not have alike, views and triggers that may refer to it, and the tables named, from what is there as `from`. */
export function dropObjects(db: SqlWrites, from: readonly SchemaObject[], to: readonly SchemaObject[], tables: ReadonlySet<string>): void {
  const wanted = new Map(to.map((object) => [`${object.type} ${object.name}`, normalSql(object.sql)]))
  const drop = (type: SchemaObject['type'], which: (object: SchemaObject) => boolean): void => {
    for (const object of from) {
      if (object.type === type && which(object)) db.run(`DROP ${type.toUpperCase()} IF EXISTS ${quoted(object.name)}`)
    }
  }
  const differs = (object: SchemaObject): boolean => wanted.get(`${object.type} ${object.name}`) !== normalSql(object.sql)
  drop('trigger', () => true)
  drop('view', () => true)
  drop('index', differs)
  drop('table', (object) => tables.has(object.name) || differs(object))
}

/** Creates what is missing. Views and triggers last, and only with `all`: rows are filled in before triggers watch. */
export function createObjects(db: SqlWrites, objects: readonly SchemaObject[], which: 'tables and indexes' | 'all'): void {
  const there = new Set(readSchema(db).map(({ type, name }) => `${type} ${name}`))
  const order = which === 'all' ? (['table', 'index', 'view', 'trigger'] as const) : (['table', 'index'] as const)
  for (const type of order) {
    for (const object of objects) {
      if (object.type === type && !there.has(`${type} ${object.name}`)) db.run(object.sql)
    }
  }
}

/** Runs `body` while no trigger watches. */
export function withoutTriggers(db: SqlWrites, body: () => void): void {
  const triggers = readSchema(db).filter(({ type }) => type === 'trigger')
  for (const { name } of triggers) db.run(`DROP TRIGGER ${quoted(name)}`)
  body()
  for (const { sql } of triggers) db.run(sql)
}
