// Owns: rows kept aside in tables of ours: as they were before, as a migration left them, as an undo left them.
// Never: changes a row of anybody else's table.

//   keep_b(rid, s, c…, k…)   rows of the old side, before the migration     s = 1: the migration changed nothing that survives; 2: it
//                                                                           took the row away, and doing it again brought it back
//   keep_a(rid, s, d…, k…)   rows of the new side, as the migration left them
//   keep_r(rid, l, d…, k…)   rows of the new side, as the undo found them     l = 1: put aside by the undo; 2: back in place since
//   keep_q(rid, c…, k…)      rows of the old side, as the undo left them
//   keep_v(rid, k…)          rows of the new side that somebody's values came back into: they are his, whatever a migration makes
// c: columns of the old side, d: of the new one, by place; k: the key in the new side's types; rid: the row number.
import type { SqlReads, SqlWrites } from '@understudy/contract'
import { extraOf, lostOf } from './pairs.ts'
import type { Pair, PairSide } from './pairs.ts'
import type { Table } from './read-schema.ts'
import { OURS } from './sql-statements.ts'
import { quoted } from './sqlite-fault.ts'

export type Role = 'a' | 'b' | 'q' | 'r' | 'w' | 'o' | 'd' | 'v'

/** Names of one turn of one change. `turn` grows with each: what the last one kept is still read while the next is made. */
export interface Keep {
  readonly short: string
  readonly turn: number
}

export function keepPrefix(short: string): string {
  return `${OURS}keep_${short}_`
}

export function keepName({ short, turn }: Keep, n: number, role: Role): string {
  return quoted(`${keepPrefix(short)}${turn}_${n}${role}`)
}

/** `name` is quoted. */
export function hasTable(db: SqlWrites, name: string): boolean {
  return db.all(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?`, name.slice(1, -1).replaceAll('""', '"')).length > 0
}

/** Names of the tables that begin so, in order. */
export function tablesNamed(db: SqlReads, prefix: string): readonly string[] {
  const sql = `SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, length(?)) = ? ORDER BY name`
  return db.all(sql, prefix, prefix).map(({ name }) => String(name))
}

/** True if two values are the same value of the same type: no affinity, no collation in between. */
export function same(x: string, y: string): string {
  return `(typeof(${x}) = typeof(${y}) AND ${x} IS ${y} COLLATE BINARY)`
}

export function all(conditions: readonly string[]): string {
  return conditions.length === 0 ? '1' : conditions.join(' AND ')
}

export function list(count: number, letter: string): readonly string[] {
  return Array.from({ length: count }, (_, at) => `${letter}${at}`)
}

export function keyNames(pair: Pair): readonly string[] {
  return pair.by === 'columns' ? list(pair.key.length, 'k') : pair.by === 'rowid' ? ['k0'] : []
}

export function onKey(pair: Pair, x: string, y: string): string {
  return all(keyNames(pair).map((k) => `${x}.${k} = ${y}.${k}`))
}

export function joinLive(pair: Pair, keep: string, live: string): string {
  return all(keyNames(pair).map((k, at) => `${keep}.${k} = ${live}.${liveKey(pair, at)}`))
}

function liveKey(pair: Pair, at: number): string {
  return pair.by === 'rowid' ? (pair.after?.rowid ?? 'rowid') : quoted(pair.key[at]?.after ?? '')
}

/** A row as one text: equal if and only if all of these are the same values of the same types. For joins of many rows without a key. */
export function valueOf(columns: readonly string[]): string {
  // hex: quote() ends a text at a zero byte.
  const one = (x: string): string =>
    `CASE typeof(${x}) WHEN 'text' THEN 't' || hex(${x}) WHEN 'blob' THEN 'b' || hex(${x}) ELSE quote(${x}) END`
  return columns.length === 0 ? `''` : columns.map(one).join(` || ',' || `)
}

/** Rows of a table by value: `place` is the row number, `nth` counts those that are alike. */
export function counted(table: string, columns: readonly string[], which: string): string {
  const rows = `SELECT rowid AS place, ${valueOf(columns)} AS value FROM ${table} WHERE ${which}`
  return `(SELECT place, value, row_number() OVER (PARTITION BY value ORDER BY place) AS nth FROM (${rows}))`
}

/** Makes an empty table with these columns and the key's, typed as the new side has them so that they compare alike. */
export function makeKeep(db: SqlWrites, name: string, pair: Pair, columns: readonly string[]): void {
  const keys = pair.by === 'columns' ? pair.key.map(({ type, collation }, at) => `k${at} ${type} COLLATE ${quoted(collation)}`) : []
  const numbered = pair.by === 'rowid' ? ['k0 INTEGER'] : []
  db.run(`CREATE TABLE ${name}(${['rid', ...columns, ...keys, ...numbered].join(', ')})`)
}

export function indexKeep(db: SqlWrites, name: string, pair: Pair): void {
  const keys = keyNames(pair)
  if (keys.length > 0) db.run(`CREATE INDEX ${quoted(`${name.slice(1, -1)}_k`)} ON ${name}(${keys.join(', ')})`)
}

/** The old rows, taken before the first statement that writes to them; `columns` gives the name that each has by now. */
export function takeBefore(db: SqlWrites, name: string, live: string, table: Table, columns: readonly (string | null)[]): void {
  const places = list(columns.length, 'c')
  db.run(`CREATE TABLE ${name}(${['rid', 's', ...places].join(', ')})`)
  const values = columns.map((column) => (column === null ? 'NULL' : quoted(column)))
  db.run(`INSERT INTO ${name} SELECT ${[table.rowid ?? 'NULL', '0', ...values].join(', ')} FROM ${quoted(live)}`)
}

/** Gives the image of the old side its key, once it is known what became of the table. */
export function keyBefore(db: SqlWrites, keep: Keep, pair: Pair): void {
  const name = keepName(keep, pair.n, 'b')
  const before = pair.before
  if (before === null || pair.by === 'none') return
  const parts =
    pair.by === 'rowid'
      ? [{ definition: 'k0 INTEGER', value: 'rid' }]
      : pair.key.map(({ before: column, type, collation }, at) => ({
          definition: `k${at} ${type} COLLATE ${quoted(collation)}`,
          value: `c${before.columns.findIndex((one) => one.name === column)}`,
        }))
  for (const { definition } of parts) db.run(`ALTER TABLE ${name} ADD COLUMN ${definition}`)
  db.run(`UPDATE ${name} SET ${parts.map(({ value }, at) => `k${at} = ${value}`).join(', ')}`)
  indexKeep(db, name, pair)
}

/** Notes rows that somebody's values came back into; `keys` selects their keys, in order. */
export function noteReturned(db: SqlWrites, keep: Keep, pair: Pair, keys: string): void {
  const name = keepName(keep, pair.n, 'v')
  if (!hasTable(db, name)) makeKeep(db, name, pair, [])
  db.run(`INSERT INTO ${name} SELECT NULL, s.* FROM (${keys}) AS s`)
}

/** Rows of a side as they are now. */
export function takeNow(
  db: SqlWrites,
  name: string,
  pair: Pair,
  side: PairSide,
  key: 'before' | 'after',
  letter: 'c' | 'd',
  mark: 's' | 'l' | null,
): void {
  makeKeep(db, name, pair, [...(mark === null ? [] : [mark]), ...list(side.columns.length, letter)])
  const keys = pair.by === 'rowid' ? [side.rowid ?? 'NULL'] : pair.by === 'columns' ? pair.key.map((part) => quoted(part[key] ?? '')) : []
  const values = [side.rowid ?? 'NULL', ...(mark === null ? [] : ['0']), ...side.columns.map((column) => quoted(column.name)), ...keys]
  db.run(`INSERT INTO ${name} SELECT ${values.join(', ')} FROM ${quoted(side.name)}`)
  indexKeep(db, name, pair)
}

/** Takes the image of the new side, once. */
export function takeMade(db: SqlWrites, keep: Keep, pair: Pair): void {
  const name = keepName(keep, pair.n, 'a')
  if (pair.after !== null && !hasTable(db, name)) takeNow(db, name, pair, pair.after, 'after', 'd', 's')
}

/** Rows of the old side that the migrations did not leave there, and that are there all the same once what was is back. */
export function markBrought(db: SqlWrites, keep: Keep, pair: Pair): void {
  if (pair.before === null || pair.after === null || pair.by === 'none') return
  const [a, b] = [keepName(keep, pair.n, 'a'), keepName(keep, pair.n, 'b')]
  const made = `EXISTS (SELECT 1 FROM ${a} AS a WHERE ${onKey(pair, 'a', 'b')})`
  const there = `EXISTS (SELECT 1 FROM ${quoted(pair.after.name)} AS x WHERE ${joinLive(pair, 'b', 'x')})`
  db.run(`UPDATE ${b} AS b SET s = 2 WHERE s = 0 AND NOT ${made} AND ${there}`)
}

/** Takes the image of the new side where there is none yet, and lets go of what both images have alike. */
export function takeAfter(db: SqlWrites, keep: Keep, pair: Pair): void {
  const { after, before } = pair
  if (after === null) return
  const [a, b] = [keepName(keep, pair.n, 'a'), keepName(keep, pair.n, 'b')]
  takeMade(db, keep, pair)
  if (before === null || pair.full || pair.by === 'none') return
  const alike = pair.from.flatMap((place, at) => (place === null ? [] : [same(`b.c${at}`, `a.d${place}`)]))
  const twin = `SELECT 1 FROM ${a} AS a WHERE ${onKey(pair, 'a', 'b')} AND ${all(alike)}`
  db.run(`UPDATE ${b} AS b SET s = 1 WHERE EXISTS (${twin})`)
  db.run(`UPDATE ${a} AS a SET s = 1 WHERE EXISTS (SELECT 1 FROM ${b} AS b WHERE b.s = 1 AND ${onKey(pair, 'b', 'a')})`)
  const surviving = pair.from.flatMap((place, at) => (place === null ? [] : [{ c: `c${at}`, d: `d${place}` }]))
  const clear = (name: string, columns: readonly string[]): void => {
    if (columns.length > 0) db.run(`UPDATE ${name} SET ${columns.map((column) => `${column} = NULL`).join(', ')} WHERE s = 1`)
  }
  if (lostOf(pair).length === 0) db.run(`DELETE FROM ${b} WHERE s = 1`)
  else
    clear(
      b,
      surviving.map(({ c }) => c),
    )
  if (extraOf(pair).length === 0) db.run(`DELETE FROM ${a} WHERE s = 1`)
  else
    clear(
      a,
      surviving.map(({ d }) => d),
    )
}

/** Drops what a change, or one turn of it, keeps aside. Returns how many tables. */
export function dropKeeps(db: SqlWrites, short: string, turn: number | null): number {
  const prefix = turn === null ? keepPrefix(short) : `${keepPrefix(short)}${turn}_`
  const names = tablesNamed(db, prefix)
  for (const name of names) db.run(`DROP TABLE ${quoted(name)}`)
  return names.length
}
