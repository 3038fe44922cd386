// Owns: what the stack's own history says: how many changes there were, which resources they touched, which were undone.
// Never: counts a change that never became a revision.
import { artefactIfKept } from '../journal/load-stack.ts'
import type { StackState } from '../model/journal.ts'
import type { Store } from '../store/store.ts'
import type { Baseline } from './risk.ts'

const UNDOS_MAX = 10 // the newest: the machine may have been another one before
const CHANGES_MAX = 200 // the newest; older ones say little about the stack as it is now

export async function baselineOf(store: Store, state: StackState): Promise<Baseline> {
  const byResource: Record<string, { changes: number; undone: number }> = {}
  let changes = 0
  let undone = 0
  for (const id of state.order.slice(-CHANGES_MAX)) {
    const change = state.changes[id]
    if (change === undefined || change.revision === null) continue
    const plan = await artefactIfKept(store, 'plan', change.plan)
    if (plan === null || plan.goal === 'undo') continue
    const back = change.phase === 'undone' || change.undoing !== null ? 1 : 0
    changes += 1
    undone += back
    for (const { resource } of plan.steps) {
      const row = byResource[resource] ?? { changes: 0, undone: 0 }
      byResource[resource] = { changes: row.changes + 1, undone: row.undone + back }
    }
  }
  return { changes, undone, aroundMs: await aroundOf(store, state), byResource }
}

/** Only of flips: what a compiled undo takes is another matter. */
async function aroundOf(store: Store, state: StackState): Promise<readonly number[]> {
  const measured: number[] = []
  for (const id of state.order.toReversed()) {
    if (measured.length === UNDOS_MAX) break
    const change = state.changes[id]
    if (change === undefined || change.undoing === null || change.rehearsal === null || change.undoneRevision === null) continue
    const undoing = await artefactIfKept(store, 'undoing', change.undoing)
    if (undoing?.how !== 'flip' || !undoing.verified || undoing.totalMs === undefined) continue
    const { totalMs } = undoing
    const back = ((await artefactIfKept(store, 'rehearsal', change.rehearsal))?.backMs ?? []).toSorted((a, b) => a - b)[0]
    if (back !== undefined) measured.push(Math.max(0, totalMs - back))
  }
  return measured.toReversed()
}
