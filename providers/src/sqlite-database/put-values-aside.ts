// Owns: what somebody wrote into columns that an undo takes away, put aside by the key of its row, in tables people can find.
// Never: holds what a migration writes itself: that comes again with it; a whole row: those are in late.ts.

//   late_v(KEY…, column…)             a row by its primary key, as the table names it while the column is not there; of an
//   late_v(KEY, column…, others…)     INTEGER PRIMARY KEY, which SQLite gives out again, with what else the row held
//   late_v(rowid, column…, others…)   a row by its number: the others are what else it held, to know it by
//   late_v(column…, others…)          rows that cannot be told apart
import type { SqlReads, SqlWrites } from '@understudy/contract'
import { all, counted, hasTable, keepName, list, noteReturned, onKey, same } from './images.ts'
import type { Keep } from './images.ts'
import { givenAgain, knownAgain } from './known-again.ts'
import { GONE, isOf, latesIn } from './late.ts'
import type { Late } from './late.ts'
import { extraOf } from './pairs.ts'
import type { Pair } from './pairs.ts'
import { readTable, ROWID_NAMES } from './read-schema.ts'
import { OURS } from './sql-statements.ts'
import { folded, quoted } from './sqlite-fault.ts'

export interface Part {
  readonly name: string
  /** Read from a row `x` of the image of the new side. */
  readonly value: string
}

/** What columns of the new side hold where nobody wrote, as they store it: taken while the table is still there. */
export function takeDefaults(db: SqlWrites, keep: Keep, pair: Pair): void {
  const { after } = pair
  const extra = extraOf(pair)
  if (pair.before === null || after === null || extra.length === 0) return
  const types = affinitiesOf(db, after.name)
  const columns = extra.map((place) => ({ ...after.columns[place], value: `d${place}` }))
  const made = keepName(keep, pair.n, 'd')
  db.run(`CREATE TABLE ${made}(${columns.map(({ name, value }) => `${value} ${types.get(folded(name ?? '')) ?? ''}`).join(', ')})`)
  db.run(`INSERT INTO ${made} VALUES (${columns.map((column) => `(${column.default ?? 'NULL'})`).join(', ')})`)
}

/** By folded name of a column: what it makes of a value, as a type of our own. */
export function affinitiesOf(db: SqlReads, table: string): ReadonlyMap<string, string> {
  return new Map((readTable(db, table)?.columns ?? []).map(({ name, affinity }) => [folded(name), affinity]))
}

/** Puts aside what somebody wrote. `keep` has the image `r` of the new side; rows put aside whole in this turn have theirs in them. */
export function putValuesAside(db: SqlWrites, keep: Keep, old: Keep, pair: Pair): void {
  const { before, after } = pair
  const extra = extraOf(pair)
  if (before === null || after === null || extra.length === 0) return
  const [r, a, made] = [keepName(keep, pair.n, 'r'), keepName(old, pair.n, 'a'), keepName(keep, pair.n, 'd')]
  const ds = extra.map((place) => `d${place}`)
  const usual = `EXISTS (SELECT 1 FROM ${made} AS u WHERE ${all(ds.map((d) => same(`x.${d}`, `u.${d}`)))})`
  const v = keepName(old, pair.n, 'v')
  const returned = hasTable(db, v) ? ` OR EXISTS (SELECT 1 FROM ${v} AS v WHERE ${onKey(pair, 'v', 'x')})` : ''
  const which = all(['x.l = 0', `(${writtenBy(db, pair, { r, a, ds, usual })}${returned})`])
  if (db.all(`SELECT 1 FROM ${r} AS x WHERE ${which} LIMIT 1`).length > 0) {
    const { key, others } = namedParts(db, pair)
    const parts = [...key, ...extra.map((place) => ({ name: after.columns[place]?.name ?? '', value: `x.d${place}` })), ...others]
    const late = freeName(db, { ...keep, gone: 'written', values: true }, before.name)
    makeLate(db, late, columnNames(parts), key.length, pair.by === 'rowid', pair.by === 'columns' ? others.length : 0)
    db.run(`INSERT INTO ${quoted(late)} SELECT ${parts.map(({ value }) => value).join(', ')} FROM ${r} AS x WHERE ${which}`)
  }
  db.run(`DROP TABLE ${made}`)
}

/** Rows of the new side where its own columns hold something else than the migration left. */
function writtenBy(
  db: SqlWrites,
  pair: Pair,
  { r, a, ds, usual }: { readonly r: string; readonly a: string; readonly ds: readonly string[]; readonly usual: string },
): string {
  if (!hasTable(db, a)) return `NOT ${usual}`
  if (pair.by === 'none') {
    const columns = list(pair.after?.columns.length ?? 0, 'd')
    const more = `SELECT n.place FROM ${counted(r, columns, '1')} AS n LEFT JOIN ${counted(a, columns, '1')} AS m ON m.value = n.value AND m.nth = n.nth WHERE m.place IS NULL`
    return `x.rowid IN (${more}) AND NOT ${usual}`
  }
  const known = `EXISTS (SELECT 1 FROM ${a} AS a WHERE ${onKey(pair, 'a', 'x')})`
  const asLeft = `EXISTS (SELECT 1 FROM ${a} AS a WHERE ${onKey(pair, 'a', 'x')} AND ${all(ds.map((d) => same(`a.${d}`, `x.${d}`)))})`
  return `NOT ${asLeft} AND (${known} OR NOT ${usual})`
}

/** By what a row is known again: in names of the side that stands while its value lies aside. */
function namedParts(db: SqlReads, pair: Pair): { readonly key: readonly Part[]; readonly others: readonly Part[] } {
  const others = (pair.before?.columns ?? []).flatMap(({ name }, at) => {
    const place = pair.from[at] ?? null
    const isKey = pair.by === 'columns' && pair.key.some((part) => part.before === name)
    return place === null || isKey ? [] : [{ name, value: `x.d${place}` }]
  })
  if (pair.by === 'columns') {
    const key = pair.key.map((part, at) => ({ name: part.before ?? part.after, value: `x.k${at}` }))
    return { key, others: givenAgain(db, pair.before) ? others : [] }
  }
  const taken = new Set([...(pair.before?.columns ?? []), ...(pair.after?.columns ?? [])].map(({ name }) => folded(name)))
  const number = pair.by === 'rowid' ? ROWID_NAMES.find((name) => !taken.has(name)) : undefined
  return { key: number === undefined ? [] : [{ name: number, value: 'x.k0' }], others }
}

/**
 * Whether the row `x` of the new side is the one that lies aside as `l` under a key which is given again: by what it holds, or
 * because a row with a bigger key is still as it was. A deleted row's key goes to another one only when no bigger one is left.
 */
export function sameRow(db: SqlReads, late: Late, pair: Pair): string {
  const { key, marks } = columnsOf(db, late)
  const [number] = key
  const now = pair.key[0]?.after
  if (marks.length === 0 || number === undefined || now === undefined || pair.after === null) return '1'
  const [live, aside] = [quoted(pair.after.name), quoted(late.name)]
  const named = new Map(marks.map((name) => [folded(name), name]))
  const columns = (pair.before?.columns ?? []).flatMap(({ name, default: usual }, at) => {
    const column = pair.after?.columns[pair.from[at] ?? -1]
    const held = named.get(folded(name))
    return column === undefined || held === undefined ? [] : [{ is: quoted(column.name), was: quoted(held), usual }]
  })
  if (columns.length === 0) return '1'
  const traits = columns.map(({ is, was, usual }) => ({
    is: `x.${is}`,
    was: `l.${was}`,
    isIn: `SELECT ${is} AS value FROM ${live}`,
    wasIn: `SELECT ${was} AS value FROM ${aside}`,
    usual,
  }))
  const alike = all(columns.map(({ is, was }) => same(`y.${is}`, `m.${was}`)))
  const bigger = `SELECT max(m.${quoted(number)}) FROM ${aside} AS m JOIN ${live} AS y ON y.${quoted(now)} = m.${quoted(number)} AND ${alike}`
  return `(${knownAgain(traits)} OR l.${quoted(number)} < (${bigger}))`
}

/** A new column may have the old name of a key: then it gets another one here, and is not taken for it. */
export function columnNames(parts: readonly Part[]): readonly string[] {
  const taken = new Set<string>()
  return parts.map(({ name }) => {
    let free = name
    for (let more = 2; taken.has(folded(free)); more += 1) free = `${name} (${more})`
    taken.add(folded(free))
    return free
  })
}

const MARK = ' BLOB' // keeps a value as it is, and tells the column from those whose values lie aside

/** `key` of the columns are the key; `numbered`: it is a row number; the last `marks` only say which row it is. */
export function makeLate(db: SqlWrites, name: string, columns: readonly string[], key: number, numbered: boolean, marks = 0): void {
  const names = columns.map((column, at) => `${quoted(column)}${at < columns.length - marks ? '' : MARK}`)
  const primary = numbered || key === 0 ? '' : `, PRIMARY KEY (${names.slice(0, key).join(', ')})`
  const [first = '', ...rest] = names
  const all = numbered && key === 1 ? [`${first} INTEGER PRIMARY KEY`, ...rest] : names
  db.run(`CREATE TABLE ${quoted(name)}(${all.join(', ')}${primary})`)
}

export function freeName(
  db: SqlWrites,
  { short, turn, gone, values }: Pick<Late, 'short' | 'turn' | 'gone' | 'values'>,
  table: string,
): string {
  const name = `${OURS}late_${short}_${turn}${GONE[gone]}${values ? 'v' : ''}_${table}`
  for (let form = 1; ; form += 1) {
    const free = form === 1 ? name : `${name} (${form})`
    if (!hasTable(db, quoted(free))) return free
  }
}

/** Columns of a table of values: those of the key, the others, and those that only say which row it is. */
export function columnsOf(
  db: SqlReads,
  { name }: Pick<Late, 'name'>,
): { readonly key: readonly string[]; readonly others: readonly string[]; readonly marks: readonly string[] } {
  const info = db.all(`PRAGMA main.table_info(${quoted(name)})`)
  const named = (which: (pk: number, type: unknown) => boolean): readonly string[] =>
    info.filter(({ pk, type }) => which(Number(pk), type)).map((column) => String(column['name']))
  const isMark = (type: unknown): boolean => type === MARK.trim()
  return {
    key: named((pk) => pk > 0),
    others: named((pk, type) => pk === 0 && !isMark(type)),
    marks: named((pk, type) => pk === 0 && isMark(type)),
  }
}

/**
 * The change is done again, and each row that is there has what its undo took away, or lies aside whole: what is left here is
 * of rows that are gone.
 */
export function settleValues(db: SqlWrites, keep: Keep, { short, turn }: Keep, then: readonly Pair[], pair: Pair): void {
  const { before, after } = pair
  const was = then.find(({ n, after: side }) => n === pair.n && side?.name === after?.name)
  if (before === null || after === null || was === undefined) return
  for (const late of latesIn(db)) {
    if (!late.values || late.short !== short || late.turn !== turn || !isOf(db, late, before.name)) continue
    const { key } = columnsOf(db, late)
    const known = was.by === pair.by && pair.by !== 'none' && key.length > 0
    const names = pair.by === 'rowid' ? [after.rowid ?? 'rowid'] : pair.key.map((part) => quoted(part.after))
    const match = all([...names.map((name, at) => `x.${name} = l.${quoted(key[at] ?? '')}`), sameRow(db, late, pair)])
    const back = `FROM ${quoted(late.name)} AS l WHERE EXISTS (SELECT 1 FROM ${quoted(after.name)} AS x WHERE ${match})`
    if (known) {
      noteReturned(db, keep, pair, `SELECT ${key.map((name) => `l.${quoted(name)}`).join(', ')} ${back}`)
      db.run(`DELETE ${back}`)
    }
    if (!known || db.all(`SELECT 1 FROM ${quoted(late.name)} LIMIT 1`).length === 0) db.run(`DROP TABLE ${quoted(late.name)}`)
  }
}

/**
 * Values that lie aside go by the names of the side that stands: renames are followed, in the direction of the turn. Made anew
 * rather than renamed: SQLite refuses to rename while a view of somebody's is broken.
 */
export function followNames(db: SqlWrites, pairs: readonly Pair[], to: 'before' | 'after'): void {
  const lates = latesIn(db).filter(({ values }) => values)
  for (const pair of pairs) {
    const [was, is] = to === 'after' ? [pair.before, pair.after] : [pair.after, pair.before]
    if (was === null || is === null) continue
    const renamed = new Map(
      pair.from.flatMap((place, at): [string, string][] => {
        const [old, now] = [pair.before?.columns[at]?.name, pair.after?.columns[place ?? -1]?.name]
        if (old === undefined || now === undefined) return []
        return to === 'after' ? [[folded(old), now]] : [[folded(now), old]]
      }),
    )
    for (const late of lates) {
      if (!isOf(db, late, was.name)) continue
      const { key, others, marks } = columnsOf(db, late)
      const columns = [...key, ...others, ...marks]
      const names = columns.map((name) => renamed.get(folded(name)) ?? name)
      if (was.name === is.name && names.every((name, at) => folded(name) === folded(columns[at] ?? ''))) continue
      const unique = columnNames(names.map((name) => ({ name, value: '' })))
      const numbered = key.length === 1 && readTable(db, late.name)?.numbered === true
      const made = freeName(db, late, is.name)
      makeLate(db, made, unique, key.length, numbered, marks.length)
      db.run(`INSERT INTO ${quoted(made)} SELECT ${columns.map(quoted).join(', ')} FROM ${quoted(late.name)}`)
      db.run(`DROP TABLE ${quoted(late.name)}`)
    }
  }
}
