// Owns: filling a table from worked-out rows: all that fit, what is old before what is new; the rest by name.
// Never: drops a row: what does not fit is given back.
//
// work(f, rid, src, alt, v…): f 0 as it was, 1 perhaps written since, 2 updated since, 3 inserted since; src the row it comes
// from, alt the row it was before, by row number of the tables they lie in; v columns of the table by place.
import { Fault } from '@understudy/contract'
import type { SqlWrites } from '@understudy/contract'
import { keepName, list } from './images.ts'
import type { Keep } from './images.ts'
import type { Pair, PairSide } from './pairs.ts'
import { quoted } from './sqlite-fault.ts'

export function workName(keep: Keep, pair: Pair): string {
  return keepName(keep, pair.n, 'w')
}

export function makeWork(db: SqlWrites, work: string, side: PairSide): void {
  db.run(`CREATE TABLE ${work}(${['f', 'rid', 'src', 'alt', ...list(side.columns.length, 'v')].join(', ')})`)
}

/**
 * Fills the table. What it refuses is in `refusedOf(work)` afterwards: n the row of `work`, old = 1 where its older form is in
 * instead. True if there is such a row. A row number that is taken is no refusal: the row gets another one.
 */
export function fillTable(
  db: SqlWrites,
  side: PairSide,
  work: string,
  old: { readonly table: string; readonly columns: readonly string[] } | null,
): boolean {
  const values = list(side.columns.length, 'v')
  const withRowid = side.rowid !== null && !side.numbered
  const door = openDoor(db, side, work)
  const rows = (rid: string, columns: readonly string[], from: string): string =>
    `SELECT ${['w.rowid', rid, ...columns].join(', ')} FROM ${from} ORDER BY w.rid, w.rowid`
  for (const { f } of db.all(`SELECT DISTINCT f FROM ${work} ORDER BY f`)) {
    push(db, door, rows('w.rid', values, `${work} AS w WHERE w.f = ${String(f)}`))
    const missed = `${door.missed} AS m JOIN ${work} AS w ON w.rowid = m.n`
    if (withRowid && some(db, missed)) again(db, door, (left) => rows('NULL', values, `${left} AS m JOIN ${work} AS w ON w.rowid = m.n`))
    if (!some(db, missed)) continue
    db.run(`INSERT INTO ${door.refused}(n, old) SELECT m.n, 0 FROM ${missed}`)
    if (old === null) continue
    const older = old.columns.map((column) => `o.${column}`)
    const from = (left: string): string => `${left} AS m JOIN ${work} AS w ON w.rowid = m.n JOIN ${old.table} AS o ON o.rowid = w.alt`
    again(db, door, (left) => rows('w.rid', older, from(left)))
    db.run(
      `UPDATE ${door.refused} SET old = 1 WHERE n IN (SELECT rowid FROM ${work} WHERE f = ? AND alt IS NOT NULL) AND n NOT IN (SELECT n FROM ${door.missed})`,
      f ?? null,
    )
  }
  db.run(`DROP VIEW ${door.view}`)
  db.run(`DROP TABLE ${door.missed}`)
  return some(db, door.refused)
}

export function refusedOf(work: string): string {
  return quoted(`${work.slice(1, -1)}_refused`)
}

/** Drops the worked-out rows and what is known of them. */
export function dropWork(db: SqlWrites, work: string): void {
  db.run(`DROP TABLE ${work}`)
  db.run(`DROP TABLE IF EXISTS ${refusedOf(work)}`)
}

/** A view that takes rows: each goes into the table, or its number into `missed`. So one statement can tell which did not fit. */
interface Door {
  readonly view: string
  readonly columns: string
  readonly missed: string
  readonly refused: string
  readonly queue: string
  readonly types: readonly Type[]
}

/** What a column of the table takes, by place; `only` in a STRICT table. */
interface Type {
  readonly value: string
  readonly affinity: string
  readonly only: string | null
}

function typesOf(db: SqlWrites, side: PairSide): readonly Type[] {
  const strict =
    db.all(`SELECT strict FROM pragma_table_list WHERE schema = 'main' AND lower(name) = lower(?)`, side.name)[0]?.['strict'] === 1
  const declared = new Map(
    db.all(`PRAGMA main.table_info(${quoted(side.name)})`).map(({ name, type }) => [name, String(type).toUpperCase()]),
  )
  return side.columns.map(({ name }, at) => {
    const type = declared.get(name) ?? ''
    const only = { INT: 'integer', INTEGER: 'integer', REAL: 'real', TEXT: 'text', BLOB: 'blob' }[type] ?? null
    return { value: `v${at}`, affinity: !strict || only === null || only === 'blob' ? '' : only, only: strict ? only : null }
  })
}

function openDoor(db: SqlWrites, side: PairSide, work: string): Door {
  const named = (ending: string): string => quoted(`${work.slice(1, -1)}_${ending}`)
  const values = list(side.columns.length, 'v')
  const columns = ['n', 'rid', ...values].join(', ')
  const door: Door = {
    view: named('door'),
    columns,
    missed: named('missed'),
    refused: refusedOf(work),
    queue: named('queue'),
    types: typesOf(db, side),
  }
  const withRowid = side.rowid !== null && !side.numbered
  const into = [...(withRowid ? [side.rowid ?? ''] : []), ...side.columns.map(({ name }) => quoted(name))].join(', ')
  const what = [...(withRowid ? ['rid'] : []), ...values].map((value) => `new.${value}`).join(', ')
  db.run(`CREATE TABLE ${door.missed}(n INTEGER PRIMARY KEY)`)
  db.run(`CREATE TABLE ${door.refused}(n INTEGER PRIMARY KEY, old)`)
  db.run(`CREATE VIEW ${door.view} AS SELECT rowid AS ${columns} FROM ${work}`)
  // OR IGNORE also overrules what a constraint itself says of conflicts: nothing is replaced.
  const put = `INSERT OR IGNORE INTO ${quoted(side.name)}(${into}) VALUES (${what}); INSERT INTO ${door.missed} SELECT new.n WHERE changes() = 0;`
  db.run(`CREATE TRIGGER ${named('through')} INSTEAD OF INSERT ON ${door.view} BEGIN ${put} END`)
  return door
}

const ONE_BY_ONE = 32 // rows: rolling back to a savepoint costs as much as some tens of statements, once the schema was changed

/** Puts rows through; afterwards `missed` says which of them did not fit. */
function push(db: SqlWrites, { view, columns, missed, queue, types }: Door, rows: string): void {
  db.run(`DELETE FROM ${missed}`)
  if (refusalOf(db, `INSERT INTO ${view}(${columns}) ${rows}`) === null) return
  // Some refusals cannot be ignored: types of a STRICT table are looked at here, for an expression that fails halving finds the rows.
  db.run(
    `CREATE TABLE ${queue}(${['place INTEGER PRIMARY KEY', 'n', 'rid', ...types.map(({ value, affinity }) => `${value} ${affinity}`)].join(', ')})`,
  )
  db.run(`INSERT INTO ${queue}(${columns}) ${rows}`)
  const wrong = types.flatMap(({ value, only }) => (only === null ? [] : [`typeof(${value}) NOT IN ('null', '${only}')`]))
  if (wrong.length > 0) {
    db.run(`INSERT INTO ${missed} SELECT n FROM ${queue} WHERE ${wrong.join(' OR ')}`)
    db.run(`DELETE FROM ${queue} WHERE ${wrong.join(' OR ')}`)
  }
  const through = (first: number, last: number): string =>
    `INSERT INTO ${view}(${columns}) SELECT ${columns} FROM ${queue} WHERE place BETWEEN ${first} AND ${last} ORDER BY place`
  const halve = (first: number, last: number): void => {
    if (refusalOf(db, through(first, last)) === null) return
    if (last - first < ONE_BY_ONE) {
      for (let place = first; place <= last; place += 1) {
        if (!passes(db, through(place, place))) db.run(`INSERT INTO ${missed} SELECT n FROM ${queue} WHERE place = ${place}`)
      }
      return
    }
    const middle = Math.floor((first + last) / 2)
    halve(first, middle)
    halve(middle + 1, last)
  }
  halve(1, Number(db.all(`SELECT max(place) AS last FROM ${queue}`)[0]?.['last'] ?? 1))
  db.run(`DROP TABLE ${queue}`)
}

/** Puts those through once more that were missed, in another form; who has none stays missed. */
function again(db: SqlWrites, door: Door, rows: (left: string) => string): void {
  const left = quoted(`${door.missed.slice(1, -1)}_before`)
  db.run(`CREATE TABLE ${left}(n INTEGER PRIMARY KEY)`)
  db.run(`INSERT INTO ${left} SELECT n FROM ${door.missed}`)
  push(db, door, rows(left))
  db.run(`DROP TABLE ${left}`)
}

function some(db: SqlWrites, from: string): boolean {
  return db.all(`SELECT 1 FROM ${from} LIMIT 1`).length > 0
}

/** Runs a statement of one row, which is refused before anything is written. */
function passes(db: SqlWrites, sql: string): boolean {
  try {
    db.run(sql)
    return true
  } catch (thrown) {
    if (isRefusal(thrown)) return false
    throw thrown
  }
}

function isRefusal(thrown: unknown): thrown is Fault {
  return thrown instanceof Fault && thrown.fault.code === 'sql.failed'
}

/** Runs all of a statement, or nothing of it: then what the rows say against it. */
export function refusalOf(db: SqlWrites, sql: string): Fault | null {
  db.run('SAVEPOINT understudy_fit')
  try {
    db.run(sql)
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown
    db.run('ROLLBACK TO understudy_fit')
    db.run('RELEASE understudy_fit')
    return thrown
  }
  db.run('RELEASE understudy_fit')
  return null
}
