// Owns: the columns, tables, rows and values that a change took away, put aside when the change is let go of: there is no other copy of them.
// Never: puts aside what comes again by itself: a column's default; values of rows that somebody deleted since.
import type { SqlWrites } from '@understudy/contract'
import type { ChangeRow } from './change-row.ts'
import { all, counted, hasTable, joinLive, keepName, onKey, same } from './images.ts'
import type { Keep } from './images.ts'
import { givenAgain } from './known-again.ts'
import { isOf, latesIn } from './late.ts'
import type { Late } from './late.ts'
import { lostOf } from './pairs.ts'
import type { Pair, PairSide } from './pairs.ts'
import { affinitiesOf, columnNames, columnsOf, freeName, makeLate } from './put-values-aside.ts'
import type { Part } from './put-values-aside.ts'
import { readTable, ROWID_NAMES } from './read-schema.ts'
import { folded, quoted } from './sqlite-fault.ts'

/** Of the change that `row` records, which stands. `undone`: it was a way back that was derived, and no migration dropped anything. */
export function keepDropped(db: SqlWrites, short: string, row: ChangeRow, undone: boolean): void {
  const keep: Keep = { short, turn: row.turn }
  for (const pair of row.plan.pairs) {
    if (pair.before === null || !pair.touched || !hasTable(db, keepName(keep, pair.n, 'b'))) continue
    const late = { ...keep, gone: undone ? ('undone' as const) : ('dropped' as const) }
    if (pair.after === null) {
      keepRows(db, keep, pair, late, '1')
      retireValues(db, pair.before.name)
      continue
    }
    // Turn 0: their table stayed, so that no turn is the one they come back with.
    if (hasTable(db, keepName(keep, pair.n, 'a'))) {
      keepRows(db, keep, pair, { ...late, turn: 0 }, removedOf(keep, pair))
      if (pair.by === 'columns' && !pair.continuous && hasTable(db, quoted(pair.after.name)))
        keepReplaced(db, keep, pair, pair.before, pair.after, { ...late, turn: 0 })
    }
    if (lostOf(pair).length > 0 && hasTable(db, quoted(pair.after.name))) keepValues(db, keep, pair, late)
  }
}

/** Values of a table that is gone for good: another one under its name is not it. They stay aside (turn 0). */
function retireValues(db: SqlWrites, table: string): void {
  for (const late of latesIn(db)) {
    if (!late.values || late.turn === 0 || !isOf(db, late, table)) continue
    const name = freeName(db, { ...late, turn: 0 }, late.table)
    const { key, others, marks } = columnsOf(db, late)
    const columns = [...key, ...others, ...marks]
    makeLate(db, name, columns, key.length, key.length === 1 && readTable(db, late.name)?.numbered === true, marks.length)
    db.run(`INSERT INTO ${quoted(name)} SELECT ${columns.map(quoted).join(', ')} FROM ${quoted(late.name)}`)
    db.run(`DROP TABLE ${quoted(late.name)}`)
  }
}

type Name = Pick<Late, 'short' | 'turn' | 'gone'>

function keepRows(db: SqlWrites, keep: Keep, pair: Pair, late: Name, which: string): void {
  const columns = pair.before?.columns ?? []
  const b = keepName(keep, pair.n, 'b')
  if (db.all(`SELECT 1 FROM ${b} AS b WHERE ${which} LIMIT 1`).length === 0) return
  const name = freeName(db, { ...late, values: false }, pair.before?.name ?? '')
  db.run(`CREATE TABLE ${quoted(name)}(${columns.map((column) => quoted(column.name)).join(', ')})`)
  db.run(
    `INSERT INTO ${quoted(name)} SELECT ${columns.map((_, at) => `c${at}`).join(', ')} FROM ${b} AS b WHERE ${which} ORDER BY rid, rowid`,
  )
}

/** Rows `b` that were not there any more right after the migrations: somebody's own deletions are not among them. */
function removedOf(keep: Keep, pair: Pair): string {
  const [a, b] = [keepName(keep, pair.n, 'a'), keepName(keep, pair.n, 'b')]
  if (pair.by !== 'none') return `b.s = 0 AND NOT EXISTS (SELECT 1 FROM ${a} AS a WHERE ${onKey(pair, 'a', 'b')})`
  const both = pair.from.flatMap((place, at) => (place === null ? [] : [{ c: `c${at}`, d: `d${place}` }]))
  const was = counted(
    b,
    both.map(({ c }) => c),
    '1',
  )
  const is = counted(
    a,
    both.map(({ d }) => d),
    '1',
  )
  return `b.rowid IN (SELECT w.place FROM ${was} AS w LEFT JOIN ${is} AS i ON i.value = w.value AND i.nth = w.nth WHERE i.place IS NULL)`
}

/** Of a table made anew: values that its columns of the same names did not take over, as they would store them. */
function keepReplaced(db: SqlWrites, keep: Keep, pair: Pair, before: PairSide, after: PairSide, late: Name): void {
  const [a, b, typed] = [keepName(keep, pair.n, 'a'), keepName(keep, pair.n, 'b'), keepName(keep, pair.n, 'o')]
  const types = affinitiesOf(db, after.name)
  const columns = pair.from.flatMap((place, at) => {
    const column = after.columns[place ?? -1]
    const isKey = pair.key.some((part) => part.before === before.columns[at]?.name)
    return column === undefined || isKey ? [] : [{ name: column.name, value: `b.c${at}`, typed: `v${at}`, now: `a.d${place}` }]
  })
  const definitions = columns.map((column) => `${column.typed} ${types.get(folded(column.name)) ?? ''}`)
  db.run(`CREATE TABLE ${typed}(${['n INTEGER PRIMARY KEY', ...definitions].join(', ')})`)
  db.run(`INSERT INTO ${typed} SELECT ${['b.rowid', ...columns.map(({ value }) => value)].join(', ')} FROM ${b} AS b`)
  const from = `${b} AS b JOIN ${typed} AS t ON t.n = b.rowid JOIN ${a} AS a ON ${onKey(pair, 'a', 'b')}`
  const isReplaced = (column: (typeof columns)[number]): string =>
    `(${column.value} IS NOT NULL AND NOT (${same(`t.${column.typed}`, column.now)}))`
  const replaced = columns.filter((column) => db.all(`SELECT 1 FROM ${from} WHERE ${isReplaced(column)} LIMIT 1`).length > 0)
  if (replaced.length > 0) {
    const { key } = namedNow(db, pair)
    const parts = [...key, ...replaced]
    const name = freeName(db, { ...late, values: true }, after.name)
    makeLate(db, name, columnNames(parts), key.length, false)
    const which = replaced.map(isReplaced).join(' OR ')
    db.run(`INSERT INTO ${quoted(name)} SELECT ${parts.map(({ value }) => value).join(', ')} FROM ${from} WHERE ${which}`)
  }
  db.run(`DROP TABLE ${typed}`)
}

/** Values by the key of their rows, in the names of the side that stands. */
function keepValues(db: SqlWrites, keep: Keep, pair: Pair, late: Name): void {
  const { before, after } = pair
  if (before === null || after === null) return
  const [a, b] = [keepName(keep, pair.n, 'a'), keepName(keep, pair.n, 'b')]
  const lost = lostOf(pair)
  const usual = all(lost.map((at) => same(`b.c${at}`, `(${before.columns[at]?.default ?? 'NULL'})`)))
  const stayed = hasTable(db, a) ? `(b.s <> 0 OR EXISTS (SELECT 1 FROM ${a} AS a WHERE ${onKey(pair, 'a', 'b')}))` : '1'
  const apart = pair.by !== 'none'
  const from = apart ? `${b} AS b JOIN ${quoted(after.name)} AS x ON ${joinLive(pair, 'b', 'x')}` : `${b} AS b`
  const which = apart ? all([stayed, `NOT (${usual})`]) : `NOT (${usual})`
  if (db.all(`SELECT 1 FROM ${from} WHERE ${which} LIMIT 1`).length === 0) return
  const { key, others } = namedNow(db, pair)
  const parts = [...key, ...lost.map((at) => ({ name: before.columns[at]?.name ?? '', value: `b.c${at}` })), ...others]
  const name = freeName(db, { ...late, values: true }, after.name)
  makeLate(db, name, columnNames(parts), key.length, pair.by === 'rowid', pair.by === 'columns' ? others.length : 0)
  db.run(`INSERT INTO ${quoted(name)} SELECT ${parts.map(({ value }) => value).join(', ')} FROM ${from} WHERE ${which}`)
}

function namedNow(db: SqlWrites, pair: Pair): { readonly key: readonly Part[]; readonly others: readonly Part[] } {
  const others = pair.from.flatMap((place, at) => {
    const column = pair.after?.columns[place ?? -1]
    if (pair.by === 'columns' && pair.key.some((part) => part.after === column?.name)) return []
    return column === undefined ? [] : [{ name: column.name, value: pair.by === 'none' ? `b.c${at}` : `x.${quoted(column.name)}` }]
  })
  if (pair.by === 'columns') {
    const key = pair.key.map((part, at) => ({ name: part.after, value: `b.k${at}` }))
    return { key, others: givenAgain(db, pair.after) ? others : [] }
  }
  const taken = new Set([...(pair.before?.columns ?? []), ...(pair.after?.columns ?? [])].map(({ name }) => folded(name)))
  const number = pair.by === 'rowid' ? ROWID_NAMES.find((name) => !taken.has(name)) : undefined
  return { key: number === undefined ? [] : [{ name: number, value: 'b.k0' }], others }
}
