// Owns: what migrations make of a schema, found out in an empty database in memory.
// Never: touches the live one.
import type { Look } from '@understudy/contract'
import type { ChangePlan } from './change-row.ts'
import { goForward } from './go-forward.ts'
import { createObjects } from './put-objects.ts'
import { readSchema } from './read-schema.ts'
import type { SchemaObject } from './read-schema.ts'
import type { Statement } from './sql-statements.ts'

export interface Tried {
  readonly plan: ChangePlan
  readonly schema: readonly SchemaObject[]
}

/** Runs the statements on this schema, without rows. @throws Fault with file and line for one that fails. */
export function tryChange(from: readonly SchemaObject[], statements: readonly Statement[], legacy: boolean, call: Look): Tried {
  const db = call.fx.sql.scratch()
  try {
    createObjects(db, from, 'all')
    if (legacy) db.run('PRAGMA legacy_alter_table = ON')
    db.run('BEGIN')
    const plan = goForward(db, { short: 'try', turn: 1 }, statements, null, 'no rows')
    return { plan, schema: readSchema(db) }
  } finally {
    db.close()
  }
}
