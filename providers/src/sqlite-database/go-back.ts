// Owns: the way back inside one transaction: the old schema, the old rows, and what was written since, row by row.
// Never: begins or ends the transaction; drops a row that somebody wrote: what has no place is put aside by name.
import type { SqlWrites } from '@understudy/contract'
import type { ChangePlan, ChangeRow } from './change-row.ts'
import { dropWork, fillTable, makeWork, refusedOf, workName } from './fill.ts'
import { all, counted, keepName, keyNames, list, onKey, same, takeNow } from './images.ts'
import type { Keep } from './images.ts'
import { lateTable, putAside, settleLate } from './late.ts'
import { readNumbers, restoreNumbers } from './numbers.ts'
import { lostOf } from './pairs.ts'
import type { Pair } from './pairs.ts'
import { createObjects, dropObjects } from './put-objects.ts'
import { followNames, putValuesAside, takeDefaults } from './put-values-aside.ts'
import { settleOrphans } from './settle-orphans.ts'
import { folded } from './sqlite-fault.ts'

/** Undoes what `row` records. `keep` names what this turn keeps aside, for doing the change again. */
export function goBack(db: SqlWrites, keep: Keep, row: ChangeRow): ChangePlan {
  const { plan } = row
  const old: Keep = { short: keep.short, turn: row.turn }
  const found = readNumbers(db)
  for (const pair of plan.pairs) {
    if (pair.after !== null) takeNow(db, keepName(keep, pair.n, 'r'), pair, pair.after, 'after', 'd', 'l')
    takeDefaults(db, keep, pair)
    workOut(db, keep, old, pair)
  }
  const changed = new Set(plan.pairs.flatMap(({ before, after }) => [before, after].flatMap((side) => (side === null ? [] : [side.name]))))
  dropObjects(db, plan.after, plan.before, changed)
  createObjects(db, plan.before, 'tables and indexes')
  for (const pair of plan.pairs) if (pair.before !== null) fill(db, keep, old, pair)
  followNames(db, plan.pairs, 'before')
  for (const pair of plan.pairs) putValuesAside(db, keep, old, pair)
  settleLate(db, keep.short, row.turn)
  createObjects(db, plan.before, 'all')
  restoreNumbers(db, plan.numbers.before, plan.numbers.after, found)
  settleOrphans(db, keep, new Set(plan.orphans), new Set([...changed].map(folded)))
  for (const pair of plan.pairs) {
    if (pair.before !== null && pair.after !== null) takeNow(db, keepName(keep, pair.n, 'q'), pair, pair.before, 'before', 'c', null)
  }
  return { ...plan, undone: { found, left: readNumbers(db) } }
}

interface Images {
  readonly a: string
  readonly b: string
  readonly r: string
}

/** Works out the rows of the old side; what only the new side has a place for is put aside. */
function workOut(db: SqlWrites, keep: Keep, old: Keep, pair: Pair): void {
  const { before, after } = pair
  if (before === null) {
    if (after !== null) putNewAside(db, keep, old, pair)
    return
  }
  const work = workName(keep, pair)
  makeWork(db, work, before)
  const olds = list(before.columns.length, 'c')
  const b = keepName(old, pair.n, 'b')
  if (after === null) {
    if (pair.touched) db.run(`INSERT INTO ${work} SELECT 0, rid, NULL, rowid${comma(olds)} FROM ${b} ORDER BY rid, rowid`)
    return
  }
  const r = keepName(keep, pair.n, 'r')
  if (!pair.touched) {
    db.run(`INSERT INTO ${work} SELECT 1, r.rid, r.rowid, NULL${comma(mapped(pair))} FROM ${r} AS r`)
    return
  }
  const a = keepName(old, pair.n, 'a')
  if (pair.by === 'none') {
    workOutAlike(db, pair, { work, a, b, r })
    return
  }
  // The migration left the row there: else one under its key is another row.
  const stayed = '(b.s <> 0 OR (b.s = 0 AND a.s IS NOT NULL))'
  const kept = pair.from.map((place, at) => {
    if (place === null) return `CASE WHEN ${stayed} THEN b.c${at} ELSE ${defaultOf(pair, at)} END`
    return `CASE WHEN a.s = 0 AND b.s = 0 AND ${same(`r.d${place}`, `a.d${place}`)} THEN b.c${at} ELSE r.d${place} END`
  })
  const untouched = all(list(after.columns.length, 'd').map((d) => same(`r.${d}`, `a.${d}`)))
  const rid = pair.continuous ? 'r.rid' : 'coalesce(b.rid, r.rid)'
  const flag = `CASE WHEN a.s = 0 AND b.s = 0 THEN CASE WHEN ${untouched} THEN 0 ELSE 2 END WHEN a.s = 0 THEN 3 ELSE 1 END`
  db.run(
    `INSERT INTO ${work} SELECT ${flag}, ${rid}, r.rowid, CASE WHEN b.s <> 1 THEN b.rowid END${comma(kept)} FROM ${r} AS r LEFT JOIN ${a} AS a ON ${onKey(pair, 'a', 'r')} LEFT JOIN ${b} AS b ON ${onKey(pair, 'b', 'r')} WHERE NOT (a.s IS 0 AND b.s IS NULL AND ${untouched})`,
  )
  const gone = `b.s = 0 AND NOT EXISTS (SELECT 1 FROM ${a} AS a WHERE ${onKey(pair, 'a', 'b')}) AND NOT EXISTS (SELECT 1 FROM ${r} AS r WHERE ${onKey(pair, 'r', 'b')})`
  db.run(`INSERT INTO ${work} SELECT 0, b.rid, NULL, b.rowid${comma(olds.map((c) => `b.${c}`))} FROM ${b} AS b WHERE ${gone}`)
  // The migration deleted a row, and somebody made another one under its key: theirs stays, the old one is put aside.
  const alike = all(mapped(pair).map((value, at) => same(value, `x.c${at}`)))
  const reborn = `x.s = 0 AND NOT EXISTS (SELECT 1 FROM ${a} AS a WHERE ${onKey(pair, 'a', 'x')}) AND EXISTS (SELECT 1 FROM ${r} AS r WHERE ${onKey(pair, 'r', 'x')} AND NOT (${alike}))`
  putAside(db, keep, before, b, 'c', reborn)
  putRekeyedAside(db, keep, pair, { a, b, r })
}

/**
 * A row whose key somebody changed looks like one deleted and one made: what a column that comes back held goes aside. Its row
 * number says so, but does not prove it: SQLite gives numbers out again, so nothing is carried into the other row.
 */
function putRekeyedAside(db: SqlWrites, keep: Keep, pair: Pair, { a, b, r }: Images): void {
  const { before, after } = pair
  if (before === null || after === null || pair.by !== 'columns' || !pair.continuous || lostOf(pair).length === 0) return
  if (before.rowid === null || after.rowid === null || before.numbered || after.numbered) return
  const values = pair.from.map((place, at) => {
    const key = pair.key.findIndex((part) => part.before === before.columns[at]?.name)
    if (key !== -1) return `b.k${key}`
    return place === null ? `b.c${at}` : `r.d${place}`
  })
  const none = (image: string, row: string): string => `NOT EXISTS (SELECT 1 FROM ${image} AS x WHERE ${onKey(pair, 'x', row)})`
  const found = `FROM ${b} AS b JOIN ${r} AS r ON r.rid = b.rid WHERE (b.s <> 0 OR NOT ${none(a, 'b')}) AND ${none(r, 'b')} AND ${none(b, 'r')}`
  if (db.all(`SELECT 1 ${found} LIMIT 1`).length > 0)
    db.run(`INSERT INTO ${lateTable(db, keep, before)} SELECT ${values.join(', ')} ${found}`)
}

/** Rows that cannot be told apart: the old ones come back, and with them those that are more than the migration left. */
function workOutAlike(db: SqlWrites, pair: Pair, { work, a, b, r }: Images & { readonly work: string }): void {
  const olds = list(pair.before?.columns.length ?? 0, 'c')
  const news = list(pair.after?.columns.length ?? 0, 'd')
  db.run(`INSERT INTO ${work} SELECT 0, rid, NULL, rowid${comma(olds)} FROM ${b}`)
  const [now, made] = [counted(r, news, '1'), counted(a, news, '1')]
  const more = `SELECT n.place FROM ${now} AS n LEFT JOIN ${made} AS m ON m.value = n.value AND m.nth = n.nth WHERE m.place IS NULL`
  db.run(
    `INSERT INTO ${work} SELECT 3, NULL, r.rowid, NULL${comma(mapped(pair))} FROM ${r} AS r WHERE r.rowid IN (${more}) ORDER BY r.rowid`,
  )
}

/** Rows of a table that goes: those that the migration made go with it, those that somebody wrote are put aside. */
function putNewAside(db: SqlWrites, keep: Keep, old: Keep, pair: Pair): void {
  const { after } = pair
  if (after === null) return
  const a = keepName(old, pair.n, 'a')
  const key = keyNames(pair).length === 0 ? [] : [onKey(pair, 'a', 'x')]
  const left = all([...key, ...list(after.columns.length, 'd').map((d) => same(`x.${d}`, `a.${d}`))])
  putNowAside(db, keep, pair, `NOT EXISTS (SELECT 1 FROM ${a} AS a WHERE ${left})`)
}

function fill(db: SqlWrites, keep: Keep, old: Keep, pair: Pair): void {
  const { before, after } = pair
  if (before === null) return
  const work = workName(keep, pair)
  const image = pair.touched ? { table: keepName(old, pair.n, 'b'), columns: list(before.columns.length, 'c') } : null
  if (fillTable(db, before, work, image)) {
    const refused = (place: string): string => `SELECT w.${place} FROM ${refusedOf(work)} AS m JOIN ${work} AS w ON w.rowid = m.n`
    if (after !== null) putNowAside(db, keep, pair, `x.rowid IN (${refused('src')})`)
    if (image !== null) putAside(db, keep, before, image.table, 'c', `x.rowid IN (${refused('alt')} WHERE w.src IS NULL)`)
  }
  dropWork(db, work)
}

/** Puts rows of the new side aside, and writes down which: they are not to come back twice. */
function putNowAside(db: SqlWrites, keep: Keep, pair: Pair, which: string): void {
  if (pair.after === null) return
  const r = keepName(keep, pair.n, 'r')
  putAside(db, keep, pair.after, r, 'd', which)
  db.run(`UPDATE ${r} AS x SET l = 1 WHERE ${which}`)
}

/** The old columns, out of a row `r` of the new side. */
function mapped(pair: Pair): readonly string[] {
  return pair.from.map((place, at) => (place === null ? defaultOf(pair, at) : `r.d${place}`))
}

function defaultOf(pair: Pair, at: number): string {
  return `(${pair.before?.columns[at]?.default ?? 'NULL'})`
}

function comma(values: readonly string[]): string {
  return values.map((value) => `, ${value}`).join('')
}
