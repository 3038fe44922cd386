// Owns: which of the databases that stood at a path one after the other this is: written into it, counted from its deletions.
// Never: is counted on for anything but a database made anew after one was deleted: the first has none.
import type { SqlReads, SqlWrites } from '@understudy/contract'
import { hasOwn } from './change-row.ts'
import type { State } from './schemas.ts'
import { OURS } from './sql-statements.ts'

const TABLE = `${OURS}generation`

export function generationOf(state: State): number {
  return state.generation ?? 0
}

export function readGeneration(db: SqlReads): number {
  return hasOwn(db, 'generation') ? Number(db.all(`SELECT n FROM ${TABLE}`)[0]?.['n'] ?? 0) : 0
}

export function writeGeneration(db: SqlWrites, generation: number): void {
  if (readGeneration(db) === generation) return
  db.run(`DROP TABLE IF EXISTS ${TABLE}`)
  if (generation === 0) return
  db.run(`CREATE TABLE ${TABLE}(n INTEGER NOT NULL)`)
  db.run(`INSERT INTO ${TABLE} VALUES (?)`, generation)
}
