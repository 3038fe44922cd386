// Owns: which contents an undo buries, and which are in force again and have no tombstone any more (L11).
// Never: buries what is live, so that it can be applied again and repaired; nor what was only to last a while, when that is over.
import type { Digest } from '@understudy/contract'
import type { Ports } from '../exec/ports.ts'
import { leftMs } from '../journal/deadline.ts'
import type { Clocks } from '../journal/deadline.ts'
import { artefactIfKept } from '../journal/load-stack.ts'
import type { ChangeState, JournalEntry, StackState } from '../model/journal.ts'
import type { Revision } from '../model/plan.ts'
import type { Selected } from './selection.ts'

export interface Leap {
  readonly head: Revision
  readonly wanted: Revision | null
  /** Empty: everything. */
  readonly only: readonly Selected[]
  /** Names what is wanted afterwards. */
  readonly content: Digest
  /** A revision was asked for: that may be a redo. */
  readonly named: boolean
}

type Rows = StackState['revisions']

/** Entries for the log, in the same append as the undo. */
export async function tombstonesFor(
  ports: Pick<Ports, 'store' | 'by'> & Clocks,
  state: StackState,
  leap: Leap,
): Promise<readonly JournalEntry[]> {
  const { head, wanted, only, content, named } = leap
  const { store, by } = ports
  const [left, reached] = [lineage(state.revisions, head.n), lineage(state.revisions, wanted?.n ?? 0)]
  const contentOf = async ({ n, digest }: Rows[number]): Promise<Digest | null> => {
    const revision = [head, wanted].find((known) => known?.n === n) ?? (await artefactIfKept(store, 'revision', digest))
    return revision === null || Object.keys(revision.resources).length === 0 ? null : revision.content
  }
  /** The change that people know it by: the first that led there, and no redo. */
  const makerOf = async (gone: Digest, { n, change }: Rows[number]): Promise<string> => {
    if (state.changes[change]?.back === null) return change
    for (const row of state.revisions) if (row.n < n && row.back === null && (await contentOf(row)) === gone) return row.change
    return change
  }
  const inForce = new Set(only.length > 0 ? [] : await Promise.all(reached.filter((row) => !left.includes(row)).map(contentOf)))
  inForce.add(content)
  const lifted = [...inForce].filter((one): one is Digest => one !== null && state.tombstones[one] !== undefined)
  // A component is undone although the same is wanted of its resource: that is not to come back as it was.
  const inParts = content === head.content && only.some(({ pointer }) => pointer !== null)
  if (inParts) lifted.length = 0
  const entries: JournalEntry[] = lifted.map((one) => ({ type: 'tombstone.lifted', content: one, by }))
  if (named && only.length > 0 && lifted.length > 0) return entries
  // The time of a temporary change is over: that was planned, and the same may be applied again tomorrow.
  const over = left.filter(({ change }) => isOver(ports, state.changes[change]))
  const buried = new Set<Digest | null>(await Promise.all(over.map(contentOf)))
  for (const row of only.length > 0 ? left : left.filter((one) => !reached.includes(one))) {
    const gone = row.change === '' ? null : await contentOf(row)
    const bad = gone !== null && !buried.has(gone) && (inParts || !inForce.has(gone)) && (only.length === 0 || gone === head.content)
    if (gone === null || !bad) continue
    buried.add(gone)
    entries.push({ type: 'tombstone.set', content: gone, change: await makerOf(gone, row) })
  }
  return entries
}

function isOver(clocks: Clocks, change: ChangeState | undefined): boolean {
  const left = change === undefined ? null : leftMs(clocks, { ...change, confirmBy: change.lastsUntil })
  return left !== null && left <= 0
}

/** The changes that are in force in a revision, newest first: an undo or redo goes on with what it went to. */
function lineage(revisions: Rows, n: number): Rows {
  const rows: Rows[number][] = []
  for (let at = n; at > 0;) {
    const row = revisions.findLast((one) => one.n === at)
    if (row !== undefined && row.back === null) rows.push(row)
    at = row?.back?.to ?? at - 1
  }
  return rows
}
