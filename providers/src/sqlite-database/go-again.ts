// Owns: doing a change again: what its undo took away comes back, row by row, where nobody wrote since.
// Never: overwrites what was written to the old side since the undo.
import type { SqlWrites } from '@understudy/contract'
import type { ChangeRow } from './change-row.ts'
import { lateTable, settleLate } from './fill.ts'
import { all, hasTable, joinLive, keepName, list, onKey, same, takeMade } from './images.ts'
import type { Keep } from './images.ts'
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

function bringRows(db: SqlWrites, keep: Keep, old: Keep, pair: Pair): void {
  const { after, before } = pair
  if (after === null) return
  const live = quoted(after.name)
  const [r, q, b] = [keepName(old, pair.n, 'r'), keepName(old, pair.n, 'q'), keepName(keep, pair.n, 'b')]
  const columns = after.columns.map(({ name }) => quoted(name))
  const ds = list(after.columns.length, 'd')
  if (before === null) {
    db.run(`DELETE FROM ${live}`)
    insert(db, pair, r, columns, ds, '1')
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
  // Written since the undo: their values stay, those of columns that the old side has no place for come back.
  const extra = extraOf(pair)
  if (extra.length > 0) {
    const names = extra.map((place) => columns[place] ?? '')
    const from = `${r} AS r WHERE ${joinLive(pair, 'r', live)} AND ${nowThere}`
    db.run(
      `UPDATE ${live} SET (${names.join(', ')}) = (SELECT ${extra.map((place) => `r.d${place}`).join(', ')} FROM ${from}) WHERE EXISTS (SELECT 1 FROM ${from})`,
    )
  }
  const backing = keepName(keep, pair.n, 'w')
  db.run(`CREATE TABLE ${backing} AS SELECT r.rowid AS n FROM ${r} AS r WHERE ${settled} OR ${onlyNew}`)
  // Made by the migration this time, and deleted by somebody the last time; or about to come back as it was.
  const made = pair.touched
    ? `NOT EXISTS (SELECT 1 FROM ${b} AS b WHERE ${joinLive(pair, 'b', live)}) AND NOT EXISTS (SELECT 1 FROM ${r} AS r WHERE ${joinLive(pair, 'r', live)})`
    : '0'
  const coming = `EXISTS (SELECT 1 FROM ${r} AS r WHERE ${joinLive(pair, 'r', live)} AND +r.rowid IN (SELECT n FROM ${backing}))` // + : by key, not through all of them for each row
  db.run(`DELETE FROM ${live} WHERE (${made}) OR ${coming}`)
  insert(db, pair, r, columns, ds, `r.rowid IN (SELECT n FROM ${backing})`)
  db.run(`DROP TABLE ${backing}`)
}

/** Rows that cannot be told apart come back only if the old side is still exactly as the undo left it. */
function bringAlike(db: SqlWrites, keep: Keep, old: Keep, pair: Pair): void {
  const { after, before } = pair
  if (after === null) return
  const r = keepName(old, pair.n, 'r')
  if (before !== null) {
    const [q, b] = [keepName(old, pair.n, 'q'), keepName(keep, pair.n, 'b')]
    const cs = list(before.columns.length, 'c')
    const counted = (table: string): string =>
      `SELECT ${cs.flatMap((c) => [`typeof(${c})`, c]).join(', ')}, count(*) FROM ${table} GROUP BY ${cs.flatMap((c) => [`typeof(${c})`, c]).join(', ')}`
    const differs = [`${counted(q)} EXCEPT ${counted(b)}`, `${counted(b)} EXCEPT ${counted(q)}`]
    if (differs.some((sql) => db.all(`SELECT 1 FROM (${sql}) LIMIT 1`).length > 0)) return
  }
  const aside = all(after.columns.map(({ name }, at) => same(`x.${quoted(name)}`, `r.d${at}`))) // those come back by themselves
  db.run(`DELETE FROM ${quoted(after.name)}`)
  insert(
    db,
    pair,
    r,
    after.columns.map(({ name }) => quoted(name)),
    list(after.columns.length, 'd'),
    `NOT EXISTS (SELECT 1 FROM ${lateTable(db, old, after)} AS x WHERE ${aside})`,
  )
}

function insert(db: SqlWrites, pair: Pair, r: string, columns: readonly string[], values: readonly string[], which: string): void {
  const { after } = pair
  if (after === null) return
  const live = quoted(after.name)
  const put = (rid: readonly string[], where: string): void => {
    db.run(
      `INSERT OR ABORT INTO ${live}(${[...rid, ...columns].join(', ')}) SELECT ${[...rid.map(() => 'r.rid'), ...values.map((d) => `r.${d}`)].join(', ')} FROM ${r} AS r WHERE (${which}) AND ${where} ORDER BY r.rowid`,
    )
  }
  if (after.rowid === null || after.numbered) {
    put([], '1')
    return
  }
  // A row number that somebody took in between: the row gets another one.
  const taken = quoted(`${r.slice(1, -1)}_taken`)
  db.run(
    `CREATE TABLE ${taken} AS SELECT r.rid AS rid FROM ${r} AS r WHERE (${which}) AND EXISTS (SELECT 1 FROM ${live} AS x WHERE x.${after.rowid} = r.rid)`,
  )
  put([after.rowid], `r.rid NOT IN (SELECT rid FROM ${taken})`)
  put([], `r.rid IN (SELECT rid FROM ${taken})`)
  db.run(`DROP TABLE ${taken}`)
}
