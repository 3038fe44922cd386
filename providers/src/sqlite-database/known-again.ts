// Owns: whether a row is the one that stood under its key before, where SQLite gives the keys of deleted rows out again.
// Never: takes a value that many rows hold, or that nobody wrote, for a sign.
import type { SqlReads } from '@understudy/contract'
import { all, same } from './images.ts'
import type { PairSide } from './pairs.ts'

/** A column of a row as it is (`is`) and as it was (`was`), each with the rows (`…In`) that it is one of. All are SQL. */
export interface Trait {
  readonly is: string
  readonly was: string
  /** Selects the column in all rows. */
  readonly isIn: string
  readonly wasIn: string
  /** What it holds where nobody wrote. */
  readonly usual: string | null
}

/** Whether SQLite gives the key of a deleted row to another one: an INTEGER PRIMARY KEY that is not AUTOINCREMENT. */
export function givenAgain(db: SqlReads, side: PairSide | null): boolean {
  if (side === null || !side.numbered) return false
  const counts = db.all(`SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'`).length > 0
  return !counts || db.all(`SELECT 1 FROM sqlite_sequence WHERE name = ? COLLATE NOCASE`, side.name).length === 0
}

/** All is as it was; or half of it, and something among that which no other row holds, now or then, and somebody wrote. */
export function knownAgain(traits: readonly Trait[]): string {
  const alike = traits.map(({ is, was }) => same(is, was))
  const telling = traits.map(({ is, was, isIn, wasIn, usual }, at) => {
    const written = usual === null ? [] : [`${is} IS NOT (${usual})`]
    return `(${all([alike[at] ?? '0', `${is} IS NOT NULL`, ...written, `${is} IN ${onceIn(isIn)}`, `${was} IN ${onceIn(wasIn)}`])})`
  })
  return `((${all(alike)}) OR (2 * (${alike.join(' + ')}) >= ${traits.length} AND (${telling.join(' OR ')})))`
}

function onceIn(select: string): string {
  return `(SELECT value FROM (SELECT value FROM (${select}) GROUP BY typeof(value), value HAVING count(*) = 1))`
}
