// Owns: a statement of a migration that is done again and meets rows written meanwhile that it refuses: they make way.
// Never: makes rows give way the first time; keeps them: their image has them, and whoever runs migrations names them.
import type { SqlWrites } from '@understudy/contract'
import { dropWork, fillTable, makeWork, refusalOf } from './fill.ts'
import { keepPrefix } from './images.ts'
import type { Keep } from './images.ts'
import { sideOf } from './pairs.ts'
import { withoutTriggers } from './put-objects.ts'
import { readTable } from './read-schema.ts'
import { nameAt } from './sql-statements.ts'
import type { Token } from './sql-tokens.ts'
import { quoted } from './sqlite-fault.ts'

/** The table whose rows stand in the way of a unique index; null for any other statement. */
export function indexedBy(tokens: readonly Token[]): string | null {
  const word = (at: number): string => tokens[at]?.text.toUpperCase() ?? ''
  if (word(0) !== 'CREATE' || word(1) !== 'UNIQUE' || word(2) !== 'INDEX') return null
  const { next } = nameAt(tokens, word(3) === 'IF' ? 6 : 3)
  return word(next) === 'ON' ? nameAt(tokens, next + 1).name : null
}

/** Runs a refused statement so that rows which do not fit are left out. False if it is not one that can be run so. */
export function runYielding(db: SqlWrites, sql: string, tokens: readonly Token[], keep: Keep): boolean {
  const [first, second] = tokens
  if (first?.text.toUpperCase() === 'INSERT' && second?.text.toUpperCase() === 'INTO') {
    return refusalOf(db, `INSERT OR IGNORE ${sql.slice(second.at - first.at)}`) === null
  }
  const name = indexedBy(tokens)
  const table = name === null ? null : readTable(db, name)
  if (table === null) return false
  const [side, work] = [sideOf(table), quoted(`${keepPrefix(keep.short)}${keep.turn}_yield`)]
  const columns = side.columns.map((column) => quoted(column.name))
  withoutTriggers(db, () => {
    makeWork(db, work, side)
    db.run(`INSERT INTO ${work} SELECT ${['0', table.rowid ?? 'NULL', 'NULL', 'NULL', ...columns].join(', ')} FROM ${quoted(table.name)}`)
    db.run(`DELETE FROM ${quoted(table.name)}`)
    db.run(sql)
    fillTable(db, side, work, null)
    dropWork(db, work)
  })
  return true
}
