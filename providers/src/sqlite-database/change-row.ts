// Owns: the record of a change in the database it changes, written in the very transaction that turns it.
// Never: keeps what only one process knows: a kill at any moment finds either all of a turn or nothing of it.
import type { SqlReads, SqlWrites } from '@understudy/contract'
import { z } from 'zod'
import { pairSchema } from './pairs.ts'
import { objectsSchema } from './read-schema.ts'
import { OURS } from './sql-statements.ts'

const numbersSchema = z.record(z.string(), z.union([z.number(), z.string()]))

/** What turning back needs, as the last turn to `after` left it. */
export const planSchema = z.strictObject({
  before: objectsSchema,
  after: objectsSchema,
  pairs: z.array(pairSchema),
  /** Numbers of the file and of AUTOINCREMENT, before and as the migration left them. Bigger than 2^53 as text. */
  numbers: z.strictObject({ before: numbersSchema, after: numbersSchema }),
  /** AUTOINCREMENT and the like as the last undo found and left them; empty before there was one. */
  undone: z.strictObject({ found: numbersSchema, left: numbersSchema }),
  /** Violations of foreign keys that were there before us. */
  orphans: z.array(z.string()),
  virtual: z.array(z.string()),
})

export type ChangePlan = z.infer<typeof planSchema>

export interface ChangeRow {
  readonly side: 'before' | 'after'
  /** Turns so far. */
  readonly turn: number
  /** Schema cookie as that turn left it: nobody else changed the schema while it is the same. */
  readonly cookie: number
  readonly plan: ChangePlan
}

const TABLE = `${OURS}changes`

export function hasOwn(db: SqlReads, name: string): boolean {
  return db.all(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?`, `${OURS}${name}`).length > 0
}

/** Side and cookie alone: O(1). */
export function readMark(db: SqlReads, short: string): Pick<ChangeRow, 'side' | 'turn' | 'cookie'> | null {
  if (!hasOwn(db, 'changes')) return null
  const row = db.all(`SELECT side, turn, cookie FROM ${TABLE} WHERE change = ?`, short)[0]
  if (row === undefined) return null
  return { side: row['side'] === 'after' ? 'after' : 'before', turn: Number(row['turn']), cookie: Number(row['cookie']) }
}

export function readChange(db: SqlReads, short: string): ChangeRow | null {
  const mark = readMark(db, short)
  if (mark === null) return null
  const row = db.all(`SELECT plan FROM ${TABLE} WHERE change = ?`, short)[0]
  return { ...mark, plan: planSchema.parse(JSON.parse(String(row?.['plan']))) }
}

export function writeChange(db: SqlWrites, short: string, row: Omit<ChangeRow, 'cookie'>): void {
  db.run(
    `CREATE TABLE IF NOT EXISTS ${TABLE}(change TEXT PRIMARY KEY, side TEXT NOT NULL, turn INTEGER NOT NULL, cookie INTEGER NOT NULL, plan TEXT NOT NULL)`,
  )
  const plan = JSON.stringify(row.plan)
  db.run(`INSERT OR REPLACE INTO ${TABLE} VALUES (?, ?, ?, ?, ?)`, short, row.side, row.turn, readCookie(db), plan)
}

/** The last row takes the table with it: what is undone and released leaves nothing. */
export function dropChange(db: SqlWrites, short: string): void {
  if (!hasOwn(db, 'changes')) return
  db.run(`DELETE FROM ${TABLE} WHERE change = ?`, short)
  if (db.all(`SELECT 1 FROM ${TABLE} LIMIT 1`).length === 0) db.run(`DROP TABLE ${TABLE}`)
}

export function readCookie(db: SqlReads): number {
  return Number(db.all('PRAGMA schema_version')[0]?.['schema_version'])
}
