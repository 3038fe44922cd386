// Owns: rows put aside for good, in tables that people can find: made, named, and let go of when they are back in place.
// Never: lets go of a row that is not back; brings one back twice.
import type { SqlReads, SqlWrites } from '@understudy/contract'
import { dropWork, fillTable, makeWork, refusedOf } from './fill.ts'
import { counted, hasTable, keepPrefix, list, tablesNamed, valueOf } from './images.ts'
import type { Keep } from './images.ts'
import { sideOf } from './pairs.ts'
import type { PairSide } from './pairs.ts'
import { readTable } from './read-schema.ts'
import { OURS } from './sql-statements.ts'
import { folded, quoted } from './sqlite-fault.ts'

function latePrefix(short: string): string {
  return `${OURS}late_${short}_`
}

/** Dropped by a migration, or by a way back that was derived: then what the migrations had written is among it. */
export type Gone = 'written' | 'dropped' | 'undone'

export const GONE: Readonly<Record<Gone, string>> = { written: '', dropped: 'd', undone: 'u' }

/** What a table of rows put aside says by its name. */
export interface Late {
  /** Of the table it is, not quoted. */
  readonly name: string
  readonly short: string
  readonly turn: number
  /** `written`: an undo put aside what somebody wrote. Else all that was there when a change was let go of. */
  readonly gone: Gone
  /** Not whole rows: what rows that are in place held in columns that went (`put-values-aside.ts`). */
  readonly values: boolean
  /** The table the rows are of. */
  readonly table: string
}

/** All tables of rows put aside, by whichever change, the newest first. */
export function latesIn(db: SqlReads): readonly Late[] {
  const rows = db.all(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, length(?)) = ? ORDER BY rowid DESC`,
    `${OURS}late_`,
    `${OURS}late_`,
  )
  return rows.flatMap(({ name }) => {
    const found = /^_understudy_late_([^_]+)_(\d+)([du]?)(v?)_(.*)$/s.exec(String(name))
    if (found === null) return []
    const [, short = '', turn = '', mark = '', values = '', table = ''] = found
    const gone = mark === 'd' ? 'dropped' : mark === 'u' ? 'undone' : 'written'
    return [{ name: String(name), short, turn: Number(turn), gone, values: values === 'v', table }]
  })
}

/** True if the rows are of this table: the second table of rows under one name, of other columns, has a number behind it. */
export function isOf(db: SqlReads, { table, values }: Late, name: string): boolean {
  if (folded(table) === folded(name)) return true
  return !values && readTable(db, table) === null && folded(table.replace(/ \(\d+\)$/, '')) === folded(name)
}

/** Puts rows of an image of a table aside for good, under the names of its columns. `which` selects them by `x`. */
export function putAside(db: SqlWrites, keep: Keep, side: PairSide, image: string, letter: 'c' | 'd', which: string): void {
  if (db.all(`SELECT 1 FROM ${image} AS x WHERE ${which} LIMIT 1`).length === 0) return
  const values = list(side.columns.length, letter).map((value) => `x.${value}`)
  db.run(`INSERT INTO ${lateTable(db, keep, side)} SELECT ${values.join(', ')} FROM ${image} AS x WHERE ${which}`)
}

/** The table for rows of `side` put aside in this turn; made where it is not there yet. Old and new form of a table have one each. */
export function lateTable(db: SqlWrites, keep: Keep, side: PairSide): string {
  const there = findLate(db, keep, side)
  if (!there.made) db.run(`CREATE TABLE ${there.name}(${side.columns.map(({ name }) => quoted(name)).join(', ')})`)
  return there.name
}

function findLate(db: SqlWrites, keep: Keep, side: PairSide): { readonly name: string; readonly made: boolean } {
  const columns = side.columns.map(({ name }) => name)
  for (let form = 1; ; form += 1) {
    const name = `${latePrefix(keep.short)}${keep.turn}_${side.name}${form === 1 ? '' : ` (${form})`}`
    if (!hasTable(db, quoted(name))) return { name: quoted(name), made: false }
    if (isShaped(db, name, columns)) return { name: quoted(name), made: true }
  }
}

function isShaped(db: SqlWrites, table: string, columns: readonly string[]): boolean {
  const there = db.all(`PRAGMA main.table_info(${quoted(table)})`).map(({ name }) => name)
  return there.length === columns.length && columns.every((name, at) => there[at] === name)
}

/** Lets go of rows that are back in place: of each value as many as `which` selects in the image `r`. */
export function letGo(db: SqlWrites, keep: Keep, side: PairSide, r: string, which: string): void {
  const late = findLate(db, keep, side)
  if (!late.made) return
  const names = side.columns.map(({ name }) => quoted(name))
  const [aside, back] = [counted(late.name, names, '1'), counted(r, list(side.columns.length, 'd'), which)]
  db.run(
    `DELETE FROM ${late.name} WHERE rowid IN (SELECT a.place FROM ${aside} AS a JOIN ${back} AS b ON a.value = b.value AND a.nth = b.nth)`,
  )
}

/** Brings back what a turn put aside, where it fits; the rest stays aside. */
export function settleLate(db: SqlWrites, short: string, turn: number): void {
  const prefix = `${latePrefix(short)}${turn}_`
  for (const late of tablesNamed(db, prefix)) {
    const table = readTable(db, late.slice(prefix.length)) ?? readTable(db, late.slice(prefix.length).replace(/ \(\d+\)$/, ''))
    if (table === null) continue
    const side = sideOf(table)
    const names = side.columns.map(({ name }) => name)
    if (!isShaped(db, late, names)) continue
    const columns = names.map(quoted)
    const [from, work] = [quoted(late), quoted(`${keepPrefix(short)}${turn}_late`)]
    makeWork(db, work, side)
    db.run(`INSERT INTO ${work} SELECT ${['3', 'NULL', 'rowid', 'NULL', ...columns].join(', ')} FROM ${from}`)
    const refused = `SELECT w.src FROM ${refusedOf(work)} AS m JOIN ${work} AS w ON w.rowid = m.n`
    const some = fillTable(db, side, work, null)
    db.run(`DELETE FROM ${from} WHERE rowid NOT IN (${refused})`)
    // Refused, and a row like it is there: something unique in it says that it is the same one.
    if (some) db.run(`DELETE FROM ${from} WHERE ${valueOf(columns)} IN (SELECT ${valueOf(columns)} FROM ${quoted(table.name)})`)
    dropWork(db, work)
    if (db.all(`SELECT 1 FROM ${from} LIMIT 1`).length === 0) db.run(`DROP TABLE ${from}`)
  }
}

/** Tables of rows put aside, with how many: by one change, or by all of them (`short` null). */
export function readLate(db: SqlReads, short: string | null): readonly string[] {
  const lates = latesIn(db).filter((late) => short === null || late.short === short)
  return lates.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((late) => lateText(db, late))
}

function lateText(db: SqlReads, { name, values, table }: Late): string {
  const rows = Number(db.all(`SELECT count(*) AS n FROM ${quoted(name)}`)[0]?.['n'])
  if (!values) return `table ${table}: ${rows} rows, kept in ${name}`
  const there = new Set(readTable(db, table)?.columns.map((column) => folded(column.name)))
  const columns = db.all(`PRAGMA main.table_info(${quoted(name)})`).filter(({ pk, type }) => pk === 0 && type !== 'BLOB') // not a mark
  const gone = columns.filter((column) => !there.has(folded(String(column['name']))))
  const what = (gone.length > 0 ? gone : columns).map((column) => String(column['name']))
  return `table ${table}: ${what.join(', ')} of ${rows} rows, kept in ${name}`
}
