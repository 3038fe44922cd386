// Owns: doing a change again: what its undo took away comes back, row by row, where nobody wrote since.
// Never: overwrites what was written to the old side since the undo.
import type { SqlWrites } from '@understudy/contract'
import type { ChangeRow } from './change-row.ts'
import { bringAll, bringRows, nameLeft, nameYielded } from './bring-rows.ts'
import { hasTable, keepName, list, takeMade } from './images.ts'
import type { Keep } from './images.ts'
import { settleLate } from './late.ts'
import { settleValues } from './put-values-aside.ts'
import { restoreNumbers } from './numbers.ts'
import type { Numbers } from './numbers.ts'
import type { Pair } from './pairs.ts'
import { withoutTriggers } from './put-objects.ts'

/** What is known of the run: the numbers before it, and whether rows had to make way. */
interface Was {
  readonly numbers: Numbers
  readonly yielded: boolean
}

/**
 * The migrations ran once more; `again` is the undo before it. Rows of the new side as that undo found them (`r`) come back
 * where the old side is still as it left it (`q`).
 */
export function reconcile(db: SqlWrites, keep: Keep, pairs: readonly Pair[], again: ChangeRow, was: Was): void {
  const old: Keep = { short: keep.short, turn: again.turn }
  withoutTriggers(db, () => {
    for (const pair of pairs) {
      const then = again.plan.pairs.find(({ n, after }) => n === pair.n && after?.name === pair.after?.name)
      if (then === undefined || pair.after === null) continue
      if (!hasTable(db, keepName(old, pair.n, 'r'))) continue
      if (then.by !== pair.by) nameLeft(db, keep, old, pair)
      else if (pair.by === 'none') bringAlike(db, keep, old, pair)
      else bringRows(db, keep, old, pair)
    }
    // Rows that cannot be told apart: what comes back from aside is not the migrations', so that the next undo puts it aside again.
    for (const pair of pairs) if (pair.touched && pair.by === 'none') takeMade(db, keep, pair)
    if (was.yielded) for (const pair of pairs) nameYielded(db, keep, old, pair)
    settleLate(db, keep.short, again.turn)
    for (const pair of pairs) settleValues(db, keep, old, again.plan.pairs, pair)
  })
  restoreNumbers(db, again.plan.undone.found, again.plan.undone.left, was.numbers)
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
    if (differs.some((sql) => db.all(`SELECT 1 FROM (${sql}) LIMIT 1`).length > 0)) {
      nameLeft(db, keep, old, pair)
      return
    }
  }
  bringAll(db, keep, old, pair, 'l = 0') // what was put aside comes back by itself
}
