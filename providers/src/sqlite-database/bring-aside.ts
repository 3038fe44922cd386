// Owns: what earlier undos put aside, brought back where its table or column comes again: also with a change that is another one.
// Never: overwrites what is not as the migrations made it; lets go of what is not back; makes a change fail.
import type { SqlWrites } from '@understudy/contract'
import { dropWork, fillTable, makeWork, refusedOf, workName } from './fill.ts'
import { all, hasTable, joinLive, keepName, list, noteReturned, same } from './images.ts'
import type { Keep } from './images.ts'
import { isOf, latesIn } from './late.ts'
import type { Late } from './late.ts'
import { extraOf } from './pairs.ts'
import type { Pair, PairSide } from './pairs.ts'
import { affinitiesOf, columnsOf, sameRow } from './put-values-aside.ts'
import { readTable, ROWID_NAMES } from './read-schema.ts'
import { folded, quoted } from './sqlite-fault.ts'

/** How rows that lie aside (`l`) go into a table (`x`). */
interface Way {
  readonly after: PairSide
  /** For each column of the table: the one it comes from, null where it does not. */
  readonly from: readonly (string | null)[]
  /** Which row of the table it is; null where a row is never one that is there. */
  readonly match: string | null
  /** A row that nobody has a place for stays where it lies. */
  readonly fits: string
  /** Whole rows: those without a counterpart come as well. */
  readonly whole: boolean
  /** What is in place holds all that lies aside of it. */
  readonly complete: boolean
}

/** Brings back whole rows of tables that these migrations make; `done` is what the redo of this change has settled itself. */
export function bringRowsAside(db: SqlWrites, keep: Keep, pairs: readonly Pair[], done: number | null, derived: boolean): boolean {
  let brought = false
  for (const late of latesIn(db)) {
    const pair = pairs.find(({ before, after }) => before === null && after !== null && isOf(db, late, after.name))
    if (pair === undefined || late.values || late.turn === 0 || !comes(late, derived) || (late.short === keep.short && late.turn === done))
      continue
    const way = wayOfRows(db, late, pair)
    if (way !== null) brought = bring(db, keep, pair, late, way) || brought
  }
  return brought
}

/** Brings back values of columns that these migrations add, into rows that are still there. */
export function bringValuesAside(db: SqlWrites, keep: Keep, pairs: readonly Pair[], derived: boolean): void {
  for (const late of latesIn(db)) {
    const pair = pairs.find(({ before, after }) => before !== null && after !== null && isOf(db, late, before.name))
    const way = pair === undefined || !late.values || late.turn === 0 || !comes(late, derived) ? null : wayOfValues(db, late, pair)
    if (pair !== undefined && way !== null) bring(db, keep, pair, late, way)
  }
}

/** What a migration dropped on purpose comes back to a schema that had it, and with no other migration. */
function comes({ gone }: Late, derived: boolean): boolean {
  return derived || gone !== 'dropped'
}

function wayOfRows(db: SqlWrites, late: Late, pair: Pair): Way | null {
  const { after } = pair
  const { others } = columnsOf(db, late)
  if (after === null) return null
  const named = new Map(others.map((name) => [folded(name), name]))
  const from = after.columns.map(({ name }) => named.get(folded(name)) ?? null)
  if (from.filter((name) => name !== null).length < others.length) return null
  const keyed = pair.by === 'columns' && pair.key.every(({ after: name }) => named.has(folded(name)))
  // What migrations had made is among it: what they make now stands.
  if (late.gone === 'undone' && !keyed) return null
  const match =
    keyed && late.gone !== 'undone'
      ? all(pair.key.map(({ after: name }) => `x.${quoted(name)} = l.${quoted(named.get(folded(name)) ?? name)}`))
      : null
  return { after, from, match, fits: '1', whole: true, complete: true }
}

function wayOfValues(db: SqlWrites, late: Late, pair: Pair): Way | null {
  const { after, before } = pair
  if (after === null || before === null) return null
  const { key, others } = columnsOf(db, late)
  const named = new Map(others.map((name) => [folded(name), name]))
  const extra = extraOf(pair)
  const from = after.columns.map(({ name }, place) => (extra.includes(place) ? (named.get(folded(name)) ?? null) : null))
  const proofs = proofsOf(pair, key, named)
  const match =
    pair.by === 'columns' && isKey(pair, key)
      ? all([...pair.key.map((part, at) => `x.${quoted(part.after)} = l.${quoted(key[at] ?? '')}`), sameRow(db, late, pair)])
      : pair.by === 'rowid' && proofs !== null
        ? all([`x.${after.rowid ?? 'rowid'} = l.${quoted(key[0] ?? '')}`, ...proofs.map(({ condition }) => condition)])
        : null
  const coming = from.filter((name) => name !== null).length
  if (match === null || coming === 0) return null
  const values = others.length - (pair.by === 'rowid' ? (proofs?.length ?? 0) : 0)
  return { after, from, match, fits: refersToSomething(db, after, from), whole: false, complete: coming === values }
}

function isKey(pair: Pair, key: readonly string[]): boolean {
  return key.length === pair.key.length && pair.key.every(({ before }, at) => folded(before ?? '') === folded(key[at] ?? ''))
}

/** A row number alone proves nothing: the row has to hold what it held. Null where what lies aside does not say what that was. */
function proofsOf(
  pair: Pair,
  key: readonly string[],
  named: ReadonlyMap<string, string>,
): readonly { readonly condition: string }[] | null {
  const [number] = key
  if (key.length !== 1 || number === undefined || !ROWID_NAMES.some((name) => name === number)) return null
  const proofs: { condition: string }[] = []
  for (const [at, { name }] of (pair.before?.columns ?? []).entries()) {
    const column = pair.after?.columns[pair.from[at] ?? -1]
    if (column === undefined) continue
    const held = named.get(folded(name))
    if (held === undefined) return null
    proofs.push({ condition: same(`x.${quoted(column.name)}`, `l.${quoted(held)}`) })
  }
  return proofs
}

/** Foreign keys of the values that would come: a row in place never goes because of them. */
function refersToSomething(db: SqlWrites, after: PairSide, from: readonly (string | null)[]): string {
  const keys = Map.groupBy(db.all(`PRAGMA main.foreign_key_list(${quoted(after.name)})`), ({ id }) => id)
  const conditions = [...keys.values()].flatMap((parts) => {
    const values = parts.map((part) => {
      const place = after.columns.findIndex(({ name }) => folded(name) === folded(String(part['from'])))
      const held = from[place] ?? null
      return { value: held === null ? `x.${quoted(String(part['from']))}` : `l.${quoted(held)}`, coming: held !== null }
    })
    if (!values.some(({ coming }) => coming)) return []
    const none = values.map(({ value }) => `${value} IS NULL`).join(' OR ')
    const parent = readTable(db, String(parts[0]?.['table']))
    if (parent === null) return [`(${none})`]
    const to = parts.map((part, at) => `p.${quoted(String(part['to'] ?? parent.key[at]?.name))} = ${values[at]?.value ?? ''}`)
    return [`(${none} OR EXISTS (SELECT 1 FROM ${quoted(parent.name)} AS p WHERE ${all(to)}))`]
  })
  return all(conditions)
}

/**
 * Rows in place that are as the migrations made them make way for what lay aside; where it is refused they are back. Whether
 * anything is in place now. All of one table of rows or nothing of it, where a row in place would find no place any more.
 */
function bring(db: SqlWrites, keep: Keep, pair: Pair, late: Late, way: Way): boolean {
  const number = readTable(db, late.name)?.rowid ?? null
  if (number === null) return false
  db.run('SAVEPOINT understudy_aside')
  const work = workName(keep, pair)
  const [o, fit] = [keepName(keep, pair.n, 'o'), `${work.slice(0, -1)}_fit"`]
  const src = `l.${number}`
  takeFitting(db, fit, late, way, src)
  takeMakingWay(db, { o, fit, src, a: keepName(keep, pair.n, 'a') }, pair, late, way)
  makeWork(db, work, way.after)
  const values = way.after.columns.map((column, place) => {
    const held = way.from[place] ?? null
    if (held !== null) return `l.${quoted(held)}`
    return way.whole ? `CASE WHEN o.src IS NULL THEN (${column.default ?? 'NULL'}) ELSE o.d${place} END` : `o.d${place}`
  })
  db.run(
    `INSERT INTO ${work} SELECT ${['CASE WHEN o.src IS NULL THEN 3 ELSE 2 END', 'o.rid', src, 'o.rowid', ...values].join(', ')} FROM ${quoted(late.name)} AS l JOIN ${fit} AS f ON f.n = ${src} ${way.whole ? 'LEFT JOIN' : 'JOIN'} ${o} AS o ON o.src = ${src} ORDER BY ${src}`,
  )
  const ds = list(way.after.columns.length, 'd')
  const refused = fillTable(db, way.after, work, { table: o, columns: ds })
  const homeless = `SELECT 1 FROM ${refusedOf(work)} AS m JOIN ${work} AS w ON w.rowid = m.n WHERE m.old = 0 AND w.alt IS NOT NULL LIMIT 1`
  if (refused && db.all(homeless).length > 0) {
    db.run('ROLLBACK TO understudy_aside')
    db.run('RELEASE understudy_aside')
    return false
  }
  const inPlace = `SELECT w.src FROM ${work} AS w WHERE w.rowid NOT IN (SELECT n FROM ${refusedOf(work)})`
  const brought = db.all(`${inPlace} LIMIT 1`).length > 0
  if (brought && !way.whole) {
    const { key } = columnsOf(db, late)
    noteReturned(
      db,
      keep,
      pair,
      `SELECT ${key.map((name) => `l.${quoted(name)}`).join(', ')} FROM ${quoted(late.name)} AS l WHERE ${src} IN (${inPlace})`,
    )
  }
  if (way.complete) db.run(`DELETE FROM ${quoted(late.name)} AS l WHERE ${src} IN (${inPlace})`)
  dropWork(db, work)
  for (const table of [o, fit]) db.run(`DROP TABLE ${table}`)
  if (db.all(`SELECT 1 FROM ${quoted(late.name)} LIMIT 1`).length === 0) db.run(`DROP TABLE ${quoted(late.name)}`)
  db.run('RELEASE understudy_aside')
  return brought
}

/** Rows that lie aside whose values the columns of now take as they are: a value that became another one is not back. */
function takeFitting(db: SqlWrites, fit: string, late: Late, { after, from }: Way, src: string): void {
  const types = affinitiesOf(db, after.name)
  const columns = from.flatMap((held, place) => (held === null ? [] : [{ held: `l.${quoted(held)}`, name: `v${place}`, place }]))
  const typed = columns.map(({ name, place }) => `${name} ${types.get(folded(after.columns[place]?.name ?? '')) ?? ''}`)
  db.run(`CREATE TABLE ${fit}(${['n INTEGER PRIMARY KEY', ...typed].join(', ')})`)
  const aside = `FROM ${quoted(late.name)} AS l`
  db.run(`INSERT INTO ${fit} SELECT ${[src, ...columns.map(({ held }) => held)].join(', ')} ${aside}`)
  const alike = all(columns.map(({ held, name }) => same(held, `f.${name}`)))
  db.run(`DELETE FROM ${fit} AS f WHERE NOT EXISTS (SELECT 1 ${aside} WHERE ${src} = f.n AND ${alike})`)
}

/** Takes rows in place that what lies aside belongs to out of the table, where nobody but the migrations wrote what it would replace. */
function takeMakingWay(
  db: SqlWrites,
  { o, fit, src, a }: { readonly o: string; readonly fit: string; readonly src: string; readonly a: string },
  pair: Pair,
  late: Late,
  way: Way,
): void {
  const { after, from, match, fits } = way
  const [live, ds] = [quoted(after.name), list(after.columns.length, 'd')]
  db.run(`CREATE TABLE ${o}(${['rid', 'src INTEGER', ...ds].join(', ')})`) // INTEGER: else its index does not serve
  db.run(`CREATE INDEX ${quoted(`${o.slice(1, -1)}_src`)} ON ${o}(src)`)
  if (match === null) return
  const places = from.flatMap((held, place) => (held === null ? [] : [place]))
  const x = (place: number): string => `x.${quoted(after.columns[place]?.name ?? '')}`
  const made =
    hasTable(db, a) && late.gone === 'written'
      ? `EXISTS (SELECT 1 FROM ${a} AS a WHERE ${joinLive(pair, 'a', 'x')} AND ${all(places.map((place) => same(`a.d${place}`, x(place))))})`
      : all(places.map((place) => `${x(place)} IS (${after.columns[place]?.default ?? 'NULL'}) COLLATE BINARY`))
  const rid = after.rowid === null ? 'NULL' : `x.${after.rowid}`
  const columns = after.columns.map((_, place) => x(place))
  db.run(
    `INSERT INTO ${o} SELECT ${[rid, src, ...columns].join(', ')} FROM ${quoted(late.name)} AS l JOIN ${fit} AS f ON f.n = ${src} JOIN ${live} AS x ON ${match} WHERE ${all([fits, made])}`,
  )
  if (after.rowid !== null) db.run(`DELETE FROM ${live} WHERE ${after.rowid} IN (SELECT rid FROM ${o})`)
  else {
    const key = pair.key.map((part) => part.after)
    const held = key.map((name) => `d${after.columns.findIndex((column) => column.name === name)}`)
    db.run(`DELETE FROM ${live} WHERE (${key.map(quoted).join(', ')}) IN (SELECT ${held.join(', ')} FROM ${o})`)
  }
}
