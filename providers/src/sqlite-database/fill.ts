// Owns: filling a table from worked-out rows: all that fit, what is old before what is new; the rest by name.
// Never: drops a row: what does not fit is given back.
//
// work(f, rid, src, alt, v…): f 0 as it was, 1 perhaps written since, 2 updated since, 3 inserted since; src the row it comes
// from, alt the row it was before, by row number of the tables they lie in; v columns of the table by place.
import { Fault } from '@understudy/contract'
import type { SqlReads, SqlWrites } from '@understudy/contract'
import { all, hasTable, keepName, list, same, tablesNamed } from './images.ts'
import type { Keep } from './images.ts'
import type { Pair, PairSide } from './pairs.ts'
import { readTable } from './read-schema.ts'
import { OURS } from './sql-statements.ts'
import { quoted } from './sqlite-fault.ts'

export function makeWork(db: SqlWrites, work: string, side: PairSide): void {
  db.run(`CREATE TABLE ${work}(${['f', 'rid', 'src', 'alt', ...list(side.columns.length, 'v')].join(', ')})`)
}

/** Fills the (empty) table. Gives the rows of `work` that it refuses, by row number; where there is an older form of one, that is in. */
export function fillTable(
  db: SqlWrites,
  side: PairSide,
  work: string,
  old: { readonly table: string; readonly columns: readonly string[] } | null,
): readonly number[] {
  const total = Number(db.all(`SELECT count(*) AS n FROM ${work}`)[0]?.['n'])
  const withRowid = side.rowid !== null && !side.numbered
  const names = side.columns.map((column) => quoted(column.name))
  const values = list(side.columns.length, 'v')
  const into = (verb: string, rid: string, rest: readonly string[], from: string): string =>
    `${verb} INTO ${quoted(side.name)}(${[...(withRowid ? [side.rowid ?? ''] : []), ...names].join(', ')}) SELECT ${[...(withRowid ? [rid] : []), ...rest].join(', ')} FROM ${from}`
  db.run('SAVEPOINT understudy_fill')
  try {
    const rows = db.run(`${into('INSERT OR IGNORE', 'rid', values, work)} ORDER BY f, rid, rowid`)
    if (rows === total) {
      db.run('RELEASE understudy_fill')
      return []
    }
  } catch (thrown) {
    if (!refused(thrown)) throw thrown
  }
  db.run('ROLLBACK TO understudy_fill')
  db.run('RELEASE understudy_fill')
  const failed: number[] = []
  for (const { n, alt } of db.all(`SELECT rowid AS n, alt FROM ${work} ORDER BY f, rid, rowid`)) {
    const one = `${work} WHERE rowid = ${String(n)}`
    if (fits(db, into('INSERT OR ABORT', 'rid', values, one))) continue
    if (withRowid && fits(db, into('INSERT OR ABORT', 'NULL', values, one))) continue
    failed.push(Number(n))
    if (alt !== null && old !== null) fits(db, into('INSERT OR ABORT', 'rid', old.columns, `${old.table} WHERE rowid = ${String(alt)}`))
  }
  return failed
}

function fits(db: SqlWrites, sql: string): boolean {
  try {
    db.run(sql)
    return true
  } catch (thrown) {
    if (refused(thrown)) return false
    throw thrown
  }
}

function refused(thrown: unknown): boolean {
  return thrown instanceof Fault && thrown.fault.code === 'sql.failed'
}

export function latePrefix(short: string): string {
  return `${OURS}late_${short}_`
}

/** Puts rows of an image of a table aside for good, under the names of its columns. `which` selects them by `x`. */
export function putAside(db: SqlWrites, keep: Keep, side: PairSide, image: string, letter: 'c' | 'd', which: string): number {
  if (db.all(`SELECT 1 FROM ${image} AS x WHERE ${which} LIMIT 1`).length === 0) return 0
  const values = list(side.columns.length, letter).map((value) => `x.${value}`)
  return db.run(`INSERT INTO ${lateTable(db, keep, side)} SELECT ${values.join(', ')} FROM ${image} AS x WHERE ${which}`)
}

/** The table for rows of `side` put aside in this turn; made where it is not there yet. Old and new form of a table have one each. */
export function lateTable(db: SqlWrites, keep: Keep, side: PairSide): string {
  const columns = side.columns.map(({ name }) => name)
  for (let form = 1; ; form += 1) {
    const name = `${latePrefix(keep.short)}${keep.turn}_${side.name}${form === 1 ? '' : ` (${form})`}`
    if (!hasTable(db, quoted(name))) {
      db.run(`CREATE TABLE ${quoted(name)}(${columns.map(quoted).join(', ')})`)
      return quoted(name)
    }
    if (isShaped(db, name, columns)) return quoted(name)
  }
}

function isShaped(db: SqlWrites, table: string, columns: readonly string[]): boolean {
  const there = db.all(`PRAGMA main.table_info(${quoted(table)})`).map(({ name }) => name)
  return there.length === columns.length && columns.every((name, at) => there[at] === name)
}

/** Lets go of what an undo put aside and is back in place; brings back what fits; the rest stays aside. */
export function settleLate(db: SqlWrites, short: string, turn: number): void {
  const prefix = `${latePrefix(short)}${turn}_`
  for (const late of tablesNamed(db, prefix)) {
    const table = readTable(db, late.slice(prefix.length)) ?? readTable(db, late.slice(prefix.length).replace(/ \(\d+\)$/, ''))
    const names = table?.columns.flatMap((column) => (column.generated ? [] : [column.name])) ?? []
    if (table === null || !isShaped(db, late, names)) continue
    const [from, into] = [quoted(late), quoted(table.name)]
    const columns = names.map(quoted)
    const alike = all(columns.map((column) => same(`x.${column}`, `${from}.${column}`)))
    db.run(`DELETE FROM ${from} WHERE EXISTS (SELECT 1 FROM ${into} AS x WHERE ${alike})`)
    for (const { n } of db.all(`SELECT rowid AS n FROM ${from} ORDER BY rowid`)) {
      const row = `${from} WHERE rowid = ${String(n)}`
      if (fits(db, `INSERT OR ABORT INTO ${into}(${columns.join(', ')}) SELECT ${columns.join(', ')} FROM ${row}`))
        db.run(`DELETE FROM ${row}`)
    }
    if (db.all(`SELECT 1 FROM ${from} LIMIT 1`).length === 0) db.run(`DROP TABLE ${from}`)
  }
}

/** Tables of rows put aside by a change, with how many. */
export function readLate(db: SqlReads, short: string): readonly string[] {
  const prefix = latePrefix(short)
  return tablesNamed(db, prefix).map((table) => {
    const rows = Number(db.all(`SELECT count(*) AS n FROM ${quoted(table)}`)[0]?.['n'])
    return `table ${table.slice(prefix.length).replace(/^\d+_/, '')}: ${rows} rows, kept in ${table}`
  })
}

export function workName(keep: Keep, pair: Pair): string {
  return keepName(keep, pair.n, 'w')
}
