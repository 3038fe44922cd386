// Owns: one write transaction on the live database: all of it, or nothing.
// Never: leaves the database open.
import type { Hands, SqlWrites } from '@understudy/contract'

/** Begins, runs `body`, commits. What it throws rolls back. `legacy`: renaming a table leaves those that refer to it alone. */
export function transact<T>(path: string, call: Hands, body: (db: SqlWrites) => T, legacy = false): T {
  const db = call.fx.sql.open(path)
  try {
    if (legacy) db.run('PRAGMA legacy_alter_table = ON')
    db.run('BEGIN IMMEDIATE')
    const result = body(db)
    db.run('COMMIT')
    return result
  } finally {
    db.close() // what was not committed is rolled back
  }
}
