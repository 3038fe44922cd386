// Owns: rows that an undo took away, brought back beside what was written since; which of two wins, and what has no place.
// Never: overwrites what was written to the old side since the undo; drops a row that does not fit.
import type { SqlWrites } from '@understudy/contract'
import { dropWork, fillTable, makeWork, refusedOf, workName } from './fill.ts'
import { all, counted, hasTable, joinLive, keepName, list, onKey, same, takeMade } from './images.ts'
import type { Keep } from './images.ts'
import { givenAgain, knownAgain } from './known-again.ts'
import { letGo, putAside } from './late.ts'
import { extraOf } from './pairs.ts'
import type { Pair, PairSide } from './pairs.ts'
import { quoted } from './sqlite-fault.ts'

/** A pair with both sides, and the names of what is known of it. `r`, `q` are of the undo; `b`, `o` of this turn. */
interface Both {
  readonly pair: Pair
  readonly before: PairSide
  readonly after: PairSide
  readonly live: string
  readonly columns: readonly string[]
  readonly ds: readonly string[]
  readonly r: string
  readonly q: string
  readonly b: string
  /** Rows of the new side, as the migrations made them, that make way; `src` is the row of `r` that takes the place. */
  readonly o: string
  /** Rows of `r` that come back; `there` = 1: just so they are there already. */
  readonly coming: string
}

/** Rows of the new side by key: those that come back, and what was written since beside what only the new side has a place for. */
export function bringRows(db: SqlWrites, keep: Keep, old: Keep, pair: Pair): void {
  const { after, before } = pair
  if (after === null) return
  const r = keepName(old, pair.n, 'r')
  if (before === null) {
    bringAll(db, keep, old, pair, '1')
    letGo(db, old, after, r, 'l = 1')
    return
  }
  const ds = list(after.columns.length, 'd')
  const columns = after.columns.map(({ name }) => quoted(name))
  const [q, b, o] = [keepName(old, pair.n, 'q'), keepName(keep, pair.n, 'b'), keepName(keep, pair.n, 'o')]
  const coming = quoted(`${r.slice(1, -1)}_coming`)
  const both: Both = { pair, before, after, live: quoted(after.name), columns, ds, r, q, b, o, coming }
  const work = workName(keep, pair)
  makeWork(db, work, after)
  workOut(db, work, both)
  db.run(`UPDATE ${r} SET l = 2 WHERE l = 1 AND rowid IN (SELECT n FROM ${coming})`)
  if (fillTable(db, after, work, { table: o, columns: ds })) nameRefused(db, keep, work, both)
  letGo(db, old, after, r, 'l = 2')
  for (const table of [coming, o]) db.run(`DROP TABLE ${table}`)
  dropWork(db, work)
}

function workOut(db: SqlWrites, work: string, both: Both): void {
  const { pair, before, after, live, columns, ds, r, q, b, o, coming } = both
  // What the old side says of a row now: its image where the migration writes rows, else the live row itself.
  const nowSame = pair.touched
    ? `EXISTS (SELECT 1 FROM ${b} AS b WHERE ${onKey(pair, 'b', 'q')} AND ${all(list(before.columns.length, 'c').map((c) => same(`b.${c}`, `q.${c}`)))})`
    : `EXISTS (SELECT 1 FROM ${live} AS x WHERE ${joinLive(pair, 'q', 'x')} AND ${all(pair.from.flatMap((place, at) => (place === null ? [] : [same(`x.${columns[place] ?? ''}`, `q.c${at}`)])))})`
  const nowThere = pair.touched
    ? `EXISTS (SELECT 1 FROM ${b} AS b WHERE ${onKey(pair, 'b', 'r')})`
    : `EXISTS (SELECT 1 FROM ${live} AS x WHERE ${joinLive(pair, 'r', 'x')})`
  const settled = `EXISTS (SELECT 1 FROM ${q} AS q WHERE ${onKey(pair, 'q', 'r')} AND ${nowSame})`
  const onlyNew = `(NOT EXISTS (SELECT 1 FROM ${q} AS q WHERE ${onKey(pair, 'q', 'r')}) AND NOT ${nowThere})`
  const alike = (x: string): string =>
    after.rowid === null ? '0' : all([`r.rid = ${x}.${after.rowid}`, ...ds.map((d, at) => same(`${x}.${columns[at] ?? ''}`, `r.${d}`))])
  db.run(`CREATE TABLE ${coming}(n INTEGER PRIMARY KEY, there)`)
  const there = `EXISTS (SELECT 1 FROM ${live} AS x WHERE ${joinLive(pair, 'r', 'x')} AND ${alike('x')})`
  db.run(`INSERT INTO ${coming} SELECT r.rowid, ${there} FROM ${r} AS r WHERE ${settled} OR ${onlyNew}`)
  const isComing = (place: 0 | 1): string => `+r.rowid IN (SELECT n FROM ${coming} WHERE there = ${place})` // + : by key, not through all of them for each row
  const first = `NOT EXISTS (SELECT 1 FROM ${r} AS p WHERE ${onKey(pair, 'p', 'r')} AND p.rowid < r.rowid)`
  // Written since the undo: their values stay, those of columns that the old side has no place for come back.
  const extra = extraOf(pair)
  const again = givenAgain(db, before) ? sameAsThen(both, nowSame) : null
  const written = (x: string): string => {
    const differs = `NOT (${all(extra.map((place) => same(`${x}.${columns[place] ?? ''}`, `r.d${place}`)))})`
    return all([`+r.rowid NOT IN (SELECT n FROM ${coming})`, nowThere, differs, first, again === null ? '1' : again(x)])
  }
  const moving = (x: string): string =>
    `${isComing(0)} AND NOT EXISTS (SELECT 1 FROM ${r} AS r WHERE ${joinLive(pair, 'r', x)} AND ${isComing(1)} AND ${alike(x)})`
  const making = (x: string): string => `${joinLive(pair, 'r', x)} AND ((${moving(x)}) OR (${extra.length === 0 ? '0' : written(x)}))`
  const rid = after.rowid === null ? 'NULL' : `x.${after.rowid}`
  db.run(`CREATE TABLE ${o}(${['rid', 'src INTEGER', ...ds].join(', ')})`) // INTEGER: else its index does not serve
  db.run(
    `INSERT INTO ${o} SELECT ${[rid, 'r.rowid', ...columns.map((column) => `x.${column}`)].join(', ')} FROM ${r} AS r JOIN ${live} AS x ON ${making('x')} AND ${first}`,
  )
  db.run(`CREATE INDEX ${quoted(`${o.slice(1, -1)}_src`)} ON ${o}(src)`)
  const alt = `(SELECT min(+o.rowid) FROM ${o} AS o WHERE o.src = r.rowid)` // + : by src, not by number
  db.run(
    `INSERT INTO ${work} SELECT 0, r.rid, r.rowid, ${[alt, ...ds.map((d) => `r.${d}`)].join(', ')} FROM ${coming} AS m JOIN ${r} AS r ON r.rowid = m.n WHERE m.there = 0`,
  )
  const mixed = ds.map((d, at) => (extra.includes(at) ? `r.${d}` : `o.${d}`))
  db.run(
    `INSERT INTO ${work} SELECT ${['2', 'o.rid', 'r.rowid', 'o.rowid', ...mixed].join(', ')} FROM ${o} AS o JOIN ${r} AS r ON r.rowid = o.src WHERE r.rowid NOT IN (SELECT n FROM ${coming})`,
  )
  // Made by the migration this time, and deleted by somebody the last time; or making way.
  const made = pair.touched
    ? `NOT EXISTS (SELECT 1 FROM ${b} AS b WHERE ${joinLive(pair, 'b', live)}) AND NOT EXISTS (SELECT 1 FROM ${r} AS r WHERE ${joinLive(pair, 'r', live)})`
    : '0'
  db.run(`DELETE FROM ${live} WHERE (${made}) OR EXISTS (SELECT 1 FROM ${r} AS r WHERE ${making(live)})`)
}

/**
 * Whether the row `x` of the new side is the one that the undo left under the key of `r`: a key that is given again does not say
 * so by itself (`sameRow` in put-values-aside.ts). Null where nothing else is known of a row.
 */
function sameAsThen({ pair, before, live, columns, q, b }: Both, nowSame: string): ((x: string) => string) | null {
  const places = pair.from.flatMap((place, at) => {
    const isKey = pair.key.some((part) => part.before === before.columns[at]?.name)
    return isKey || (place === null && !pair.touched) ? [] : [{ at, place }]
  })
  if (places.length === 0) return null
  const traits = (x: string) =>
    places.map(({ at, place }) => {
      const column = columns[place ?? 0] ?? ''
      const is = pair.touched
        ? { is: `b.c${at}`, isIn: `SELECT c${at} AS value FROM ${b}` }
        : { is: `${x}.${column}`, isIn: `SELECT ${column} AS value FROM ${live}` }
      return { ...is, was: `q.c${at}`, wasIn: `SELECT c${at} AS value FROM ${q}`, usual: before.columns[at]?.default ?? null }
    })
  const from = pair.touched ? `${q} AS q JOIN ${b} AS b ON ${onKey(pair, 'b', 'q')}` : `${q} AS q`
  const bigger = `SELECT max(q.k0) FROM ${q} AS q WHERE ${nowSame}`
  return (x) => `(r.k0 < (${bigger}) OR EXISTS (SELECT 1 FROM ${from} WHERE ${onKey(pair, 'q', 'r')} AND ${knownAgain(traits(x))}))`
}

/** What has no place in the new side any more is put aside; what the next undo needs to bring its old form back is put right. */
function nameRefused(db: SqlWrites, keep: Keep, work: string, { pair, before, after, r, o }: Both): void {
  const refused = (place: string, which: string): string =>
    `SELECT w.${place} FROM ${refusedOf(work)} AS m JOIN ${work} AS w ON w.rowid = m.n WHERE ${which}`
  db.run(`UPDATE ${r} SET l = 1 WHERE l = 2 AND rowid IN (${refused('src', '1')})`) // aside since the undo, and still so
  putAside(db, keep, after, r, 'd', `x.l = 0 AND x.rowid IN (${refused('src', '1')})`)
  putAside(db, keep, after, o, 'd', `x.rowid IN (${refused('alt', 'm.old = 0 AND w.f = 2')})`)
  if (!pair.touched) return
  for (const role of isAlikeShaped(before, after) ? (['a', 'b'] as const) : (['a'] as const)) {
    const own = `SELECT 1 FROM ${r} AS r WHERE ${onKey(pair, 'r', 'i')} AND +r.rowid IN (${refused('src', 'm.old = 0')})`
    db.run(`DELETE FROM ${keepName(keep, pair.n, role)} AS i WHERE EXISTS (${own})`)
  }
}

/**
 * Where rows cannot be brought back one by one: what the undo took away, and the migrations do not make again, is put aside. It
 * is nobody's to settle later: what of it the old side has a place for is there.
 */
export function nameLeft(db: SqlWrites, keep: Keep, old: Keep, pair: Pair): void {
  if (pair.after === null) return
  takeMade(db, keep, pair)
  const [r, ds] = [keepName(old, pair.n, 'r'), list(pair.after.columns.length, 'd')]
  const [then, now] = [counted(r, ds, '1'), counted(keepName(keep, pair.n, 'a'), ds, '1')]
  const left = `SELECT t.place FROM ${then} AS t LEFT JOIN ${now} AS n ON n.value = t.value AND n.nth = t.nth WHERE n.place IS NULL`
  putAside(db, { short: keep.short, turn: 0 }, pair.after, r, 'd', `x.l = 0 AND x.rowid IN (${left})`)
}

/** Puts rows aside, in their old form, that made way for the migrations: those written since the undo that are nowhere now. */
export function nameYielded(db: SqlWrites, keep: Keep, old: Keep, pair: Pair): void {
  const { after, before } = pair
  if (!pair.touched || after === null || before === null) return
  const [r, q, b] = [keepName(old, pair.n, 'r'), keepName(old, pair.n, 'q'), keepName(keep, pair.n, 'b')]
  const known = hasTable(db, q)
  const which = (x: string): string => {
    const there = `EXISTS (SELECT 1 FROM ${quoted(after.name)} AS v WHERE ${joinLive(pair, x, 'v')})`
    const alike = all(list(before.columns.length, 'c').map((c) => same(`q.${c}`, `${x}.${c}`)))
    return known ? `NOT ${there} AND NOT EXISTS (SELECT 1 FROM ${q} AS q WHERE ${onKey(pair, 'q', x)} AND ${alike})` : `NOT ${there}`
  }
  putAside(db, keep, before, b, 'c', which('x'))
  // What only the new side had a place for goes with them.
  const own = `EXISTS (SELECT 1 FROM ${b} AS b WHERE ${onKey(pair, 'b', 'x')} AND ${which('b')})`
  if (known && extraOf(pair).length > 0) putAside(db, keep, after, r, 'd', `x.l = 0 AND ${own}`)
  db.run(`DELETE FROM ${b} AS x WHERE ${which('x')}`) // the next undo brings them back from where they lie now
}

/** Rows put aside in the form of one side go into the other one as they are. */
function isAlikeShaped(before: PairSide, after: PairSide): boolean {
  const shape = ({ name, columns }: PairSide): string => JSON.stringify([name, columns.map((column) => column.name)])
  return shape(before) === shape(after)
}

/** All rows that the undo found, but those that `which` does not select in the image of them. */
export function bringAll(db: SqlWrites, keep: Keep, old: Keep, pair: Pair, which: string): void {
  const { after } = pair
  if (after === null) return
  const [r, work] = [keepName(old, pair.n, 'r'), workName(keep, pair)]
  makeWork(db, work, after)
  const values = list(after.columns.length, 'd').map((d) => `, ${d}`)
  db.run(`INSERT INTO ${work} SELECT 0, rid, rowid, NULL${values.join('')} FROM ${r} WHERE ${which} ORDER BY rowid`)
  db.run(`DELETE FROM ${quoted(after.name)}`)
  if (fillTable(db, after, work, null)) {
    putAside(db, keep, after, r, 'd', `x.rowid IN (SELECT w.src FROM ${refusedOf(work)} AS m JOIN ${work} AS w ON w.rowid = m.n)`)
  }
  dropWork(db, work)
}
