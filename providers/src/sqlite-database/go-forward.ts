// Owns: the way forward inside one transaction: migrations run, rows kept aside, what an undo needs written down.
// Never: begins or ends the transaction.
import type { SqlWrites } from '@understudy/contract'
import { bringRowsAside, bringValuesAside } from './bring-aside.ts'
import type { ChangePlan, ChangeRow } from './change-row.ts'
import { orphanName, orphansFault, orphansOf } from './foreign-keys.ts'
import { reconcile } from './go-again.ts'
import { all, keepName, keyBefore, markBrought, same, takeAfter, takeMade } from './images.ts'
import type { Keep } from './images.ts'
import { latesIn } from './late.ts'
import { readNumbers } from './numbers.ts'
import { matchTables, pairOf } from './pairs.ts'
import type { Draft, Pair } from './pairs.ts'
import { withoutTriggers } from './put-objects.ts'
import { followNames } from './put-values-aside.ts'
import { isVirtual, readSchema } from './read-schema.ts'
import type { SchemaObject } from './read-schema.ts'
import { runMigrations } from './run-migrations.ts'
import type { Course } from './run-migrations.ts'
import { DERIVED } from './sql-statements.ts'
import type { Statement } from './sql-statements.ts'
import { normalSql } from './sql-tokens.ts'
import { folded, quoted } from './sqlite-fault.ts'
import { settleOrphans } from './settle-orphans.ts'

/** The foreign keys have to be checked before anything is run: roll back, and say so. */
export class OrphansFirst extends Error {
  override readonly name = 'OrphansFirst'
}

/**
 * Runs the statements and keeps aside what they change. `again` is the record of a change that was done and undone before:
 * what the undo took away comes back. `orphans` are those of before, null where nobody looked yet;
 * without the rows of before nothing can be said about references.
 */
export function goForward(
  db: SqlWrites,
  keep: Keep,
  statements: readonly Statement[],
  again: ChangeRow | null,
  orphans: readonly string[] | 'no rows' | null,
): ChangePlan {
  const before = readSchema(db)
  const numbers = readNumbers(db)
  const course = runMigrations(db, statements, keep, again !== null)
  const pairs = pairsOf(db, keep, course, before, readSchema(db))
  for (const pair of pairs) if (pair.touched && pair.before !== null && pair.after !== null) keyBefore(db, keep, pair)
  // As the migrations left them: what is brought back afterwards is somebody's, and not made by them.
  for (const pair of pairs) if (pair.touched && !(pair.by === 'none' && pair.before !== null)) takeMade(db, keep, pair)
  const moved = readNumbers(db)
  // Rows made way, and there is no telling which: then it is a migration that fails.
  if (
    course.yielded !== null &&
    pairs.some(({ before: old, after, touched, by }) => old !== null && after !== null && touched && by === 'none')
  )
    throw course.yielded
  if (again !== null) {
    reconcile(db, keep, pairs, again, { numbers, yielded: course.yielded !== null })
    for (const pair of pairs) if (pair.touched) markBrought(db, keep, pair)
  }
  const concerned = new Set(pairs.flatMap(({ after, before: old }) => [folded(after?.name ?? ''), folded(old?.name ?? '')]))
  const known = orphans === 'no rows' ? [] : orphans
  const left = orphans === 'no rows' ? [] : orphansOf(db, concerned)
  if (left.length > 0 && known === null) throw new OrphansFirst('there are rows that refer to nothing')
  const fresh = left.filter((orphan) => !(known ?? []).includes(orphanName(orphan)))
  if (fresh.length > 0 && again === null)
    throw orphansFault(
      fresh,
      statements.some(({ file }) => file === DERIVED),
    )
  if (fresh.length > 0) settleOrphans(db, keep, new Set(known ?? []), concerned)
  if (latesIn(db).length > 0) {
    const brought = { rows: false }
    withoutTriggers(db, () => {
      const derived = statements.some(({ file }) => file === DERIVED)
      brought.rows = bringRowsAside(db, keep, pairs, again?.turn ?? null, derived)
      bringValuesAside(db, keep, pairs, derived)
    })
    if (brought.rows) settleOrphans(db, keep, new Set(known ?? []), concerned)
    followNames(db, pairs, 'after')
  }
  for (const pair of pairs) if (pair.touched && pair.after !== null) takeAfter(db, keep, pair)
  return {
    before: [...before],
    after: [...readSchema(db)],
    pairs: [...pairs],
    numbers: { before: numbers, after: again === null ? moved : readNumbers(db) },
    undone: { found: {}, left: {} },
    orphans: [...(known ?? [])],
    virtual: course.virtual ? before.filter(isVirtual).map(({ name }) => name) : [],
  }
}

/** Orphans of the whole database, by name: asked before, where there turned out to be some after. */
export function orphansBefore(db: SqlWrites): readonly string[] {
  const tables = readSchema(db).filter(({ type }) => type === 'table')
  return orphansOf(db, new Set(tables.map(({ name }) => folded(name)))).map(orphanName)
}

/** The tables that the migrations had something to do with. */
function pairsOf(
  db: SqlWrites,
  keep: Keep,
  course: Course,
  before: readonly SchemaObject[],
  after: readonly SchemaObject[],
): readonly Pair[] {
  const pairs: Pair[] = []
  const order = [...course.before.keys()]
  let next = order.length
  for (const draft of matchTables(course.before, course.after, course.lines)) {
    const name = draft.before === null ? null : folded(draft.before.name)
    const touched = name === null || course.images.has(name)
    const lostKey = draft.before !== null && draft.after !== null && losesUnique(draft, before, after)
    if (!touched && !lostKey && sameTable(draft, before, after)) continue
    const n = name === null ? next++ : order.indexOf(name)
    const anew = draft.before !== null && draft.after !== null && draft.line === null
    pairs.push(recognisable(db, keep, pairOf(n, draft, touched, anew || lostKey), draft))
  }
  return pairs
}

function sameTable({ before, after }: Draft, was: readonly SchemaObject[], is: readonly SchemaObject[]): boolean {
  if (before === null || after === null || before.name !== after.name) return false
  const sqlOf = (objects: readonly SchemaObject[]): string =>
    normalSql(objects.find(({ type, name }) => type === 'table' && name === before.name)?.sql ?? '')
  return sqlOf(was) === sqlOf(is)
}

/** A unique index of the old side is gone: rows may come that the old side would refuse. */
function losesUnique({ before, after }: Draft, was: readonly SchemaObject[], is: readonly SchemaObject[]): boolean {
  const unique = (objects: readonly SchemaObject[], table: string | undefined): readonly string[] =>
    objects.flatMap(({ type, table: of, sql }) =>
      type === 'index' && of === table && /^\s*CREATE\s+UNIQUE\b/i.test(sql) ? [normalSql(sql)] : [],
    )
  const now = unique(is, after?.name)
  return unique(was, before?.name).some((sql) => !now.includes(sql))
}

/** By key as long as every row has one; by row number where it is the same table or proves to be the same rows; else not at all. */
function recognisable(db: SqlWrites, keep: Keep, pair: Pair, { before, after }: Draft): Pair {
  if (!pair.touched || pair.before === null || pair.after === null || before === null || after === null) return pair
  const image = keepName(keep, pair.n, 'b')
  const live = quoted(pair.after.name)
  const numbered = before.rowid !== null && after.rowid !== null
  if (pair.by === 'columns') {
    const columns = pair.before.columns
    const empty = pair.key.flatMap((part) => {
      const place = columns.findIndex(({ name }) => name === part.before)
      return [`SELECT 1 FROM ${image} WHERE c${place} IS NULL`, `SELECT 1 FROM ${live} WHERE ${quoted(part.after)} IS NULL`]
    })
    if (!empty.some((sql) => db.all(`${sql} LIMIT 1`).length > 0)) return pair
    if (!numbered) return { ...pair, key: [], by: 'none', full: true }
    return recognisable(db, keep, { ...pair, key: [], by: 'rowid' }, { before, after, line: null })
  }
  if (pair.by !== 'rowid' || pair.continuous) return pair.by === 'none' ? { ...pair, full: true } : pair
  const alike = pair.from.flatMap((place, at) => {
    const column = place === null ? undefined : pair.after?.columns[place]?.name
    return column === undefined ? [] : [same(`b.c${at}`, `x.${quoted(column)}`)]
  })
  const strange = `SELECT 1 FROM ${image} AS b WHERE NOT EXISTS (SELECT 1 FROM ${live} AS x WHERE x.${after.rowid ?? 'rowid'} = b.rid AND ${all(alike)}) LIMIT 1`
  const proven = db.all(strange).length === 0
  return proven ? pair : { ...pair, by: 'none', full: true }
}
