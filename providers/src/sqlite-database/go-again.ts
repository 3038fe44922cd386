// Owns: doing a change again: what its undo took away comes back, row by row, where nobody wrote since.
// Never: overwrites what was written to the old side since the undo.
import type { SqlWrites } from '@understudy/contract'
import type { ChangeRow } from './change-row.ts'
import { dropWork, fillTable, makeWork, refusedOf, workName } from './fill.ts'
import { all, hasTable, joinLive, keepName, list, onKey, same, takeMade } from './images.ts'
import type { Keep } from './images.ts'
import { letGo, putAside, settleLate } from './late.ts'
import { restoreNumbers } from './numbers.ts'
import type { Numbers } from './numbers.ts'
import { extraOf } from './pairs.ts'
import type { Pair } from './pairs.ts'
import { withoutTriggers } from './put-objects.ts'
import { quoted } from './sqlite-fault.ts'

/**
 * The migrations ran once more; `again` is the undo before it. Rows of the new side as that undo found them (`r`) come back
 * where the old side is still as it left it (`q`). `numbers` are those of before the migrations ran.
 */
export function reconcile(db: SqlWrites, keep: Keep, pairs: readonly Pair[], again: ChangeRow, numbers: Numbers): void {
  const old: Keep = { short: keep.short, turn: again.turn }
  withoutTriggers(db, () => {
    for (const pair of pairs) {
      const then = again.plan.pairs.find(({ n, after }) => n === pair.n && after?.name === pair.after?.name)
      if (then === undefined || pair.after === null || then.by !== pair.by) continue
      if (!hasTable(db, keepName(old, pair.n, 'r'))) continue
      if (pair.by === 'none') bringAlike(db, keep, old, pair)
      else bringRows(db, keep, old, pair)
    }
    // Rows that cannot be told apart: what comes back from aside is not the migrations', so that the next undo puts it aside again.
    for (const pair of pairs) if (pair.touched && pair.by === 'none') takeMade(db, keep, pair)
    settleLate(db, keep.short, again.turn)
  })
  restoreNumbers(db, again.plan.undone.found, again.plan.undone.left, numbers)
}

/** Rows of the new side by key: those that come back, and what was written since beside what only the new side has a place for. */
function bringRows(db: SqlWrites, keep: Keep, old: Keep, pair: Pair): void {
  const { after, before } = pair
  if (after === null) return
  const live = quoted(after.name)
  const [r, q, b, o] = [keepName(old, pair.n, 'r'), keepName(old, pair.n, 'q'), keepName(keep, pair.n, 'b'), keepName(keep, pair.n, 'o')]
  const columns = after.columns.map(({ name }) => quoted(name))
  const ds = list(after.columns.length, 'd')
  const work = workName(keep, pair)
  if (before === null) {
    bringAll(db, keep, old, pair, '1')
    letGo(db, old, after, r, 'l = 1')
    return
  }
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
  const coming = quoted(`${r.slice(1, -1)}_coming`)
  db.run(`CREATE TABLE ${coming}(n INTEGER PRIMARY KEY, there)`)
  const there = `EXISTS (SELECT 1 FROM ${live} AS x WHERE ${joinLive(pair, 'r', 'x')} AND ${alike('x')})`
  db.run(`INSERT INTO ${coming} SELECT r.rowid, ${there} FROM ${r} AS r WHERE ${settled} OR ${onlyNew}`)
  db.run(`UPDATE ${r} SET l = 2 WHERE l = 1 AND rowid IN (SELECT n FROM ${coming})`)
  makeWork(db, work, after)
  db.run(
    `INSERT INTO ${work} SELECT 0, r.rid, r.rowid, NULL, ${ds.map((d) => `r.${d}`).join(', ')} FROM ${coming} AS m JOIN ${r} AS r ON r.rowid = m.n WHERE m.there = 0`,
  )
  // Written since the undo: their values stay, those of columns that the old side has no place for come back.
  const extra = extraOf(pair)
  const written = (x: string): string => {
    const first = `NOT EXISTS (SELECT 1 FROM ${r} AS p WHERE ${onKey(pair, 'p', 'r')} AND p.rowid < r.rowid)`
    const differs = `NOT (${all(extra.map((place) => same(`${x}.${columns[place] ?? ''}`, `r.d${place}`)))})`
    return all([joinLive(pair, 'r', x), differs, `r.rowid NOT IN (SELECT n FROM ${coming})`, nowThere, first])
  }
  db.run(`CREATE TABLE ${o}(${['rid', 'src', ...ds].join(', ')})`)
  if (extra.length > 0) {
    const now = columns.map((column) => `x.${column}`).join(', ')
    db.run(
      `INSERT INTO ${o} SELECT ${after.rowid === null ? 'NULL' : `x.${after.rowid}`}, r.rowid, ${now} FROM ${r} AS r JOIN ${live} AS x ON ${written('x')}`,
    )
    const mixed = ds.map((d, at) => (extra.includes(at) ? `r.${d}` : `o.${d}`)).join(', ')
    db.run(`INSERT INTO ${work} SELECT 2, o.rid, r.rowid, o.rowid, ${mixed} FROM ${o} AS o JOIN ${r} AS r ON r.rowid = o.src`)
  }
  // Made by the migration this time, and deleted by somebody the last time; or about to come back.
  const made = pair.touched
    ? `NOT EXISTS (SELECT 1 FROM ${b} AS b WHERE ${joinLive(pair, 'b', live)}) AND NOT EXISTS (SELECT 1 FROM ${r} AS r WHERE ${joinLive(pair, 'r', live)})`
    : '0'
  const own = `EXISTS (SELECT 1 FROM ${r} AS r JOIN ${coming} AS m ON m.n = +r.rowid WHERE ${joinLive(pair, 'r', live)}`
  const moving = `${own} AND m.there = 0) AND NOT ${own} AND m.there = 1 AND ${alike(live)})`
  const rewritten = extra.length === 0 ? '0' : `EXISTS (SELECT 1 FROM ${r} AS r WHERE ${written(live)})`
  db.run(`DELETE FROM ${live} WHERE (${made}) OR (${moving}) OR ${rewritten}`)
  if (fillTable(db, after, work, { table: o, columns: ds })) nameRefused(db, keep, old, pair)
  letGo(db, old, after, r, 'l = 2')
  for (const table of [coming, o]) db.run(`DROP TABLE ${table}`)
  dropWork(db, work)
}

/** What has no place in the new side any more is put aside; what the next undo needs to bring the old form back is put right. */
function nameRefused(db: SqlWrites, keep: Keep, old: Keep, pair: Pair): void {
  const { after, before } = pair
  if (after === null || before === null) return
  const [r, o, work] = [keepName(old, pair.n, 'r'), keepName(keep, pair.n, 'o'), workName(keep, pair)]
  const refused = (place: string, which: string): string =>
    `SELECT w.${place} FROM ${refusedOf(work)} AS m JOIN ${work} AS w ON w.rowid = m.n WHERE ${which}`
  db.run(`UPDATE ${r} SET l = 1 WHERE l = 2 AND rowid IN (${refused('src', '1')})`) // still aside, since the undo
  putAside(db, keep, after, r, 'd', `x.l = 0 AND x.rowid IN (${refused('src', '1')})`)
  putAside(db, keep, after, o, 'd', `x.rowid IN (${refused('alt', 'm.old = 0 AND w.f = 2')})`)
  if (!pair.touched) return
  const gone = refused('src', 'm.old = 0')
  const alikeShaped =
    before.name === after.name && before.columns.map(({ name }) => name).join() === after.columns.map(({ name }) => name).join()
  for (const role of alikeShaped ? (['a', 'b'] as const) : (['a'] as const)) {
    const image = keepName(keep, pair.n, role)
    db.run(`DELETE FROM ${image} AS i WHERE EXISTS (SELECT 1 FROM ${r} AS r WHERE ${onKey(pair, 'r', 'i')} AND +r.rowid IN (${gone}))`)
  }
}

/** All rows that the undo found, but those that `which` does not select in the image of them. */
function bringAll(db: SqlWrites, keep: Keep, old: Keep, pair: Pair, which: string): void {
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

/** Rows that cannot be told apart come back only if the old side is still exactly as the undo left it. */
function bringAlike(db: SqlWrites, keep: Keep, old: Keep, pair: Pair): void {
  const { after, before } = pair
  if (after === null) return
  if (before !== null) {
    const [q, b] = [keepName(old, pair.n, 'q'), keepName(keep, pair.n, 'b')]
    const cs = list(before.columns.length, 'c').flatMap((c) => [`typeof(${c})`, c])
    const numbered = (table: string): string => `SELECT ${cs.join(', ')}, count(*) FROM ${table} GROUP BY ${cs.join(', ')}`
    const differs = [`${numbered(q)} EXCEPT ${numbered(b)}`, `${numbered(b)} EXCEPT ${numbered(q)}`]
    if (differs.some((sql) => db.all(`SELECT 1 FROM (${sql}) LIMIT 1`).length > 0)) return
  }
  bringAll(db, keep, old, pair, 'l = 0') // what was put aside comes back by itself
}
