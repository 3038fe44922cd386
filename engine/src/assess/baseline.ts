// Owns: what the stack's own history says: how many changes there were, which resources they touched, which were undone.
// Never: counts a change that never became a revision.
import { artefactOf } from '../journal/load-stack.ts'
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
    const { steps, goal } = await artefactOf(store, 'plan', change.plan)
    if (goal === 'undo') continue
    const back = change.phase === 'undone' || change.undoing !== null ? 1 : 0
    changes += 1
    undone += back
    for (const { resource } of steps) {
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
    const { how, verified, totalMs } = await artefactOf(store, 'undoing', change.undoing)
    if (how !== 'flip' || !verified || totalMs === undefined) continue
    const { backMs } = await artefactOf(store, 'rehearsal', change.rehearsal)
    const back = (backMs ?? []).toSorted((a, b) => a - b)[0]
    if (back !== undefined) measured.push(Math.max(0, totalMs - back))
  }
  return measured.toReversed()
}
